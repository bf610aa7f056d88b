#include "workload-api/client/endpoint.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "core/base/encoding.h"

namespace signet::client {
namespace {

// sun_path holds a terminating NUL as well.
constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un{}.sun_path) - 1;

Error Bad(std::string_view uri, std::string_view why) {
  return InvalidArgument("endpoint \"" + std::string(uri.substr(0, 256)) +
                         "\": " + std::string(why));
}

Result<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    SIGNET_TRY_ASSIGN(const Bytes byte, HexDecode(text.substr(i + 1, 2)));
    if (byte.size() != 1 || byte[0] == 0) {
      return InvalidArgument("broken percent escape");
    }
    out.push_back(static_cast<char>(byte[0]));
    i += 2;
  }
  return out;
}

std::string PercentEncode(std::string_view path) {
  constexpr std::string_view kPlain = "/-._~";
  std::string out;
  for (const char c : path) {
    const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (alnum || kPlain.find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      out += "%" + HexEncode(AsBytes(std::string_view(&c, 1)));
    }
  }
  return out;
}

Result<Endpoint> ParseUnix(std::string_view uri, std::string_view rest) {
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    if (!rest.starts_with('/')) {
      return Bad(uri, "a unix endpoint has no authority; write unix:///absolute/path");
    }
  }
  if (!rest.starts_with('/')) {
    return Bad(uri, "the socket path must be absolute; write unix:///absolute/path");
  }
  auto path = PercentDecode(rest);
  if (!path.ok() || path->find('\0') != std::string::npos) {
    return Bad(uri, "the socket path has a broken percent escape or a NUL");
  }
  if (path->ends_with('/')) {
    return Bad(uri, "the socket path names a folder");
  }
  if (path->size() > kMaxSocketPath) {
    return Bad(uri, "the socket path is longer than " + std::to_string(kMaxSocketPath) + " bytes");
  }
  return Endpoint{Endpoint::Kind::kUnix, *std::move(path), "", 0};
}

// "1.2.3.4" or "[::1]" → address without brackets, or "" if it is no IP literal.
std::string IpLiteral(std::string_view host) {
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string ip(bracketed ? host.substr(1, host.size() - 2) : host);
  unsigned char binary[sizeof(in6_addr)];
  return inet_pton(bracketed ? AF_INET6 : AF_INET, ip.c_str(), binary) == 1 ? ip : "";
}

Result<Endpoint> ParseTcp(std::string_view uri, std::string_view rest) {
  if (!rest.starts_with("//")) {
    return Bad(uri, "write tcp://<IP>:<port>");
  }
  rest.remove_prefix(2);
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || rest.ends_with(']')) {
    return Bad(uri, "the port is missing; write tcp://<IP>:<port>");
  }
  Endpoint endpoint{Endpoint::Kind::kTcp, "", IpLiteral(rest.substr(0, colon)), 0};
  if (endpoint.ip.empty()) {
    return Bad(uri, "the host must be an IP literal (IPv6 in brackets), not a name");
  }
  const std::string_view port = rest.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc() || end != port.data() + port.size() || endpoint.port == 0) {
    return Bad(uri, "after the IP comes a port from 1 to 65535 and nothing else");
  }
  return endpoint;
}

/// HasScheme compares as RFC 3986 does, whatever the case.
bool HasScheme(std::string_view uri, std::string_view scheme) {
  const auto same = [](char want, char have) {
    return want == (have >= 'A' && have <= 'Z' ? have - 'A' + 'a' : have);
  };
  return uri.size() >= scheme.size() && std::equal(scheme.begin(), scheme.end(), uri.begin(), same);
}

}  // namespace

std::string Endpoint::ToString() const {
  if (kind == Kind::kUnix) {
    return "unix://" + PercentEncode(path);
  }
  const bool v6 = ip.find(':') != std::string::npos;
  return "tcp://" + (v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
}

Result<Endpoint> ParseEndpoint(std::string_view uri) {
  if (uri.find_first_of("?#") != std::string_view::npos) {
    return Bad(uri, "query and fragment are not allowed");
  }
  if (HasScheme(uri, "unix:")) {
    return ParseUnix(uri, uri.substr(5));
  }
  if (HasScheme(uri, "tcp:")) {
    return ParseTcp(uri, uri.substr(4));
  }
  return Bad(uri, "the scheme must be unix or tcp, e.g. unix:///run/signet/agent/api.sock");
}

Result<Endpoint> EndpointFromEnvironment() {
  const char* value = std::getenv(kEndpointVariable);  // NOLINT: read once, before threads matter
  if (value == nullptr || *value == '\0') {
    return FailedPrecondition(std::string(kEndpointVariable) +
                              " is not set; set it to the agent's socket, e.g. "
                              "unix:///run/signet/agent/api.sock, or pass the endpoint");
  }
  return ParseEndpoint(value).Context(kEndpointVariable);
}

}  // namespace signet::client
