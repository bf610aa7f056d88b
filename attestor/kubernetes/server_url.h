#pragma once

// Private to attestor/kubernetes.

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace signet::kubernetes {

/// ServerUrl is a checked "https://host[:port][/base]".
struct ServerUrl {
  std::string host;              ///< an IPv6 address without brackets
  std::string port;              ///< digits
  std::string base;              ///< "" or "/x/y"
  std::string HostPort() const;  ///< "host:port", "[::1]:6443"
};

/// INVALID_ARGUMENT says what is wrong: no https, user name, query …
Result<ServerUrl> ParseServerUrl(std::string_view text);

/// BracketHost puts the brackets of a URL around an IPv6 address.
std::string BracketHost(std::string_view host);

}  // namespace signet::kubernetes
