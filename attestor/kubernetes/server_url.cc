#include "attestor/kubernetes/server_url.h"

#include <algorithm>

#include "attestor/kubernetes/names.h"

namespace signet::kubernetes {
namespace {

bool IsPort(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }) &&
         std::stoi(std::string(text)) >= 1 && std::stoi(std::string(text)) <= 65535;
}

bool IsBase(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/-._~:%").find(c) != std::string_view::npos;
  });
}

/// Host names may be in capitals here; IsAddress lets the signs of IPv6 through.
bool IsHost(std::string_view text, bool bracketed) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return bracketed ? IsAddress(lower) && lower.find(':') != std::string::npos
                   : IsDnsSubdomain(lower);
}

}  // namespace

std::string BracketHost(std::string_view host) {
  return host.find(':') == std::string_view::npos ? std::string(host)
                                                  : "[" + std::string(host) + "]";
}

std::string ServerUrl::HostPort() const { return BracketHost(host) + ":" + port; }

Result<ServerUrl> ParseServerUrl(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  if (!text.starts_with(kScheme)) {
    return InvalidArgument("the server must be https://…: a token is never sent in the clear");
  }
  text.remove_prefix(kScheme.size());
  const std::size_t slash = text.find('/');
  std::string_view authority = text.substr(0, slash);
  std::string_view base = slash == std::string_view::npos ? "" : text.substr(slash);
  while (base.ends_with('/')) {
    base.remove_suffix(1);
  }
  ServerUrl url{{}, "443", std::string(base)};
  const bool bracketed = authority.starts_with('[');
  const std::size_t host_end = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && host_end == std::string_view::npos) {
    return InvalidArgument("the server's address has no ']'");
  }
  url.host = authority.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0));
  std::string_view port =
      host_end == std::string_view::npos ? "" : authority.substr(host_end + (bracketed ? 1 : 0));
  if (!port.empty()) {
    url.port = port.substr(1);
  }
  if (!IsHost(url.host, bracketed) || !IsPort(url.port) || !IsBase(url.base) ||
      (!port.empty() && port.front() != ':')) {
    return InvalidArgument("the server's address is not of the form https://host[:port][/path]");
  }
  return url;
}

}  // namespace signet::kubernetes
