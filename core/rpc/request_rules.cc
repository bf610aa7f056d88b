#include "core/rpc/request_rules.h"

#include <nghttp2/nghttp2.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace signet::rpc {
namespace {

// RFC 9113 §8.2.2: they speak of an HTTP/1 connection.
constexpr std::array<std::string_view, 5> kConnectionSpecific = {
    "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};

/// Passes asks nghttp2's tables of characters.
bool Passes(int (*check)(const std::uint8_t*, std::size_t), std::string_view text) {
  return check(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()) != 0;
}

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// IsScheme: RFC 3986 §3.1.
bool IsScheme(std::string_view text) {
  return !text.empty() && IsLetter(text.front()) && std::ranges::all_of(text, [](char c) {
    return IsLetter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
}

/// IsTrailers: the one transfer coding that HTTP/2 knows. Codings have no case (RFC 9110 §10.1.4).
bool IsTrailers(std::string_view text) {
  constexpr std::string_view kTrailers = "trailers";
  return text.size() == kTrailers.size() &&
         ::strncasecmp(text.data(), kTrailers.data(), kTrailers.size()) == 0;
}

}  // namespace

bool RequestRules::Once(Seen field) {
  const bool first = !Has(field);
  seen_ |= field;
  return first;
}

bool RequestRules::Field(std::string_view name, std::string_view value) {
  // Names: characters of a token, none upper-case, a colon in front alone. Values: no control
  // characters, no blank at either end.
  if (!Passes(nghttp2_check_header_name, name) ||
      !Passes(nghttp2_check_header_value_rfc9113, value)) {
    return false;
  }
  return name.front() == ':' ? Pseudo(name, value) : Regular(name, value);
}

bool RequestRules::Pseudo(std::string_view name, std::string_view value) {
  if (Has(kRegular) || Has(kHead)) {
    return false;
  }
  if (name == ":method") {
    return Once(kMethod) && Method(value);
  }
  if (name == ":scheme") {
    return Once(kScheme) && IsScheme(value);
  }
  if (name == ":path") {
    return Once(kPath) && Path(value);
  }
  return name == ":authority" && Once(kAuthority);  // :protocol needs a setting that we do not send
}

bool RequestRules::Method(std::string_view value) {
  if (value == "OPTIONS") {
    seen_ |= kOptions;
  }
  // CONNECT, which has a head of its own form, is for proxies.
  return Passes(nghttp2_check_method, value) && value != "CONNECT";
}

bool RequestRules::Path(std::string_view value) {
  if (value == "*") {
    seen_ |= kAsterisk;
    return true;
  }
  return value.starts_with('/') && Passes(nghttp2_check_path, value);
}

bool RequestRules::Regular(std::string_view name, std::string_view value) {
  seen_ |= kRegular;
  if (name == "te") {
    return IsTrailers(value);
  }
  if (name == "host") {
    return Once(kHost) && !value.empty() && Passes(nghttp2_check_authority, value);
  }
  if (name == "content-length") {
    return Once(kLength) && Length(value);
  }
  return std::ranges::find(kConnectionSpecific, name) == kConnectionSpecific.end();
}

bool RequestRules::Length(std::string_view value) {
  std::uint64_t length = 0;
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, length);
  announced_ = length;
  return error == std::errc() && stop == end;
}

bool RequestRules::HeadersEnd(bool last) {
  if (Has(kHead)) {
    return last;  // trailers end the request
  }
  seen_ |= kHead;
  return Has(kMethod | kScheme | kPath) && (!Has(kAsterisk) || Has(kOptions));
}

bool RequestRules::Data(std::size_t n) {
  received_ += n;
  return !announced_ || received_ <= *announced_;
}

bool RequestRules::RequestEnd() const { return !announced_ || received_ == *announced_; }

}  // namespace signet::rpc
