#pragma once

#include <string_view>

namespace signet::kubernetes {

/// The forms that Kubernetes gives names. What passes one of the first three is safe as a segment
/// of a SPIFFE ID's path, in a URL and in a log.

/// IsDnsLabel: RFC 1123 label, 1-63 of [a-z0-9-], no '-' at an end. Namespaces.
bool IsDnsLabel(std::string_view text);
/// IsDnsSubdomain: 1-253, labels joined by dots. Pods, nodes, service accounts.
bool IsDnsSubdomain(std::string_view text);
/// IsUid: 1-64 of [0-9A-Za-z-]. A UUID, or a static pod's hash.
bool IsUid(std::string_view text);
/// IsAddress: letters and signs of an IP address, at most 64. Not a proof that it is one.
bool IsAddress(std::string_view text);

}  // namespace signet::kubernetes
