#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace signet::client {

/// Endpoint is where the Workload API listens. Value type: made by ParseEndpoint, then valid.
struct Endpoint {
  enum class Kind { kUnix, kTcp };
  Kind kind = Kind::kUnix;
  std::string path;        ///< kUnix: absolute, percent-decoded, fits a socket address
  std::string ip;          ///< kTcp: numeric, IPv6 without brackets
  std::uint16_t port = 0;  ///< kTcp

  /// ToString gives the URI form again.
  std::string ToString() const;
};

/// kEndpointVariable is the environment variable that names the endpoint (EP-08).
inline constexpr const char* kEndpointVariable = "SPIFFE_ENDPOINT_SOCKET";

/// ParseEndpoint takes "unix:///path" (or "unix:/path") and "tcp://<IP literal>:<port>", nothing
/// else: no relative path, authority, query, fragment, DNS name (EP-09, EP-10, EP-11).
/// INVALID_ARGUMENT says which rule was broken.
Result<Endpoint> ParseEndpoint(std::string_view uri);

/// EndpointFromEnvironment reads SPIFFE_ENDPOINT_SOCKET; FAILED_PRECONDITION when it is not set.
Result<Endpoint> EndpointFromEnvironment();

}  // namespace signet::client
