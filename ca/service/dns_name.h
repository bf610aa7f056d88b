#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace signet::service {

/// ValidateDnsName: what an entry or MintX509SVID may put into a certificate (spire-api §10.1):
/// ASCII labels of 1 to 63 bytes, 253 in all, no leading or trailing hyphen, no trailing dot, and
/// a wildcard only as the whole first label.
Status ValidateDnsName(std::string_view name);

/// CheckWildcardOverlap refuses a list in which a wildcard already covers another name of the list.
Status CheckWildcardOverlap(const std::vector<std::string>& names);

}  // namespace signet::service
