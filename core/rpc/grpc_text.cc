#include "core/rpc/grpc_text.h"

#include <algorithm>

#include "core/base/encoding.h"

namespace signet::rpc {
namespace {

std::optional<Duration> UnitOf(char unit) {
  using namespace std::chrono;  // NOLINT: units
  switch (unit) {
    case 'H':
      return hours(1);
    case 'M':
      return minutes(1);
    case 'S':
      return seconds(1);
    case 'm':
      return milliseconds(1);
    case 'u':
      return microseconds(1);
    case 'n':
      return nanoseconds(1);
    default:
      return std::nullopt;
  }
}

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

}  // namespace

Result<Duration> ParseTimeout(std::string_view text) {
  const auto bad = [] { return InvalidArgument("grpc-timeout is not 1 to 8 digits and a unit"); };
  if (text.size() < 2 || text.size() > 9) {
    return bad();
  }
  const std::optional<Duration> unit = UnitOf(text.back());
  if (!unit) {
    return bad();
  }
  std::int64_t count = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') {
      return bad();
    }
    count = count * 10 + (c - '0');
  }
  // 99,999,999 hours do not fit in nanoseconds; a year is as good as forever.
  constexpr Duration kLongest = std::chrono::hours(24 * 365);
  return count > kLongest / *unit ? kLongest : *unit * count;
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      out.push_back(c);
      continue;
    }
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

std::string EncodeBinary(std::string_view value) {
  std::string text = Base64Encode(AsBytes(value));
  text.erase(text.find_last_not_of('=') + 1);
  return text;
}

Result<std::vector<std::string>> DecodeBinary(std::string_view text) {
  std::vector<std::string> values;
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    while (!part.empty() && IsSpace(part.front())) {
      part.remove_prefix(1);
    }
    while (!part.empty() && IsSpace(part.back())) {
      part.remove_suffix(1);
    }
    std::string padded(part);
    if (part.find('=') == std::string_view::npos) {
      padded.append((4 - part.size() % 4) % 4, '=');
    }
    SIGNET_TRY_ASSIGN(const Bytes bytes, Base64Decode(padded));
    values.emplace_back(AsText(bytes));
    if (comma == std::string_view::npos) {
      return values;
    }
    text.remove_prefix(comma + 1);
  }
}

bool IsGrpcContentType(std::string_view value) {
  constexpr std::string_view kType = "application/grpc";
  if (!value.starts_with(kType)) {
    return false;
  }
  value.remove_prefix(kType.size());
  return value.empty() || value.front() == '+' || value.front() == ';';
}

}  // namespace signet::rpc
