#include <array>
#include <utility>

#include "core/config/schema.h"

namespace signet::config {
namespace {

constexpr std::int64_t kMaxMs = 100LL * 365 * 24 * 3'600 * 1'000;

// Units in the order in which a prefix decides: "ms" before "m".
constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> kUnits = {{
    {"ms", 1},
    {"h", 3'600'000},
    {"m", 60'000},
    {"s", 1'000},
}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

Error Malformed(std::string_view text) {
  return InvalidArgument(
      "\"" + std::string(text.substr(0, 64)) +
      "\" is not a duration; write it as \"1h\", \"90s\", \"1h30m\" or \"500ms\"");
}

// Number is a decimal with at most nine places: value = digits / scale.
struct Number {
  std::int64_t digits = 0;
  std::int64_t scale = 1;
  bool any = false;
};

// TakeNumber moves past a number. Too many digits leave `any` false.
Number TakeNumber(std::string_view& text) {
  constexpr int kMaxDigits = 12;
  Number number;
  int count = 0;
  bool fraction = false;
  while (!text.empty() && (IsDigit(text.front()) || (text.front() == '.' && !fraction))) {
    if (text.front() == '.') {
      fraction = true;
    } else {
      if (++count > kMaxDigits) {
        return {};
      }
      number.digits = number.digits * 10 + (text.front() - '0');
      number.scale *= fraction ? 10 : 1;
      number.any = true;
    }
    text.remove_prefix(1);
  }
  return number;
}

}  // namespace

Result<std::int64_t> ParseDurationMs(std::string_view text) {
  std::string_view rest = text;
  std::int64_t total = 0;
  if (rest.empty()) {
    return Malformed(text);
  }
  while (!rest.empty()) {
    const Number number = TakeNumber(rest);
    std::int64_t unit = 0;
    for (const auto& [name, milliseconds] : kUnits) {
      if (rest.starts_with(name)) {
        unit = milliseconds;
        rest.remove_prefix(name.size());
        break;
      }
    }
    if (!number.any || unit == 0) {
      return Malformed(text);
    }
    // At most 12 digits times 3.6 million stays below 2^63.
    total += (number.digits * unit + number.scale - 1) / number.scale;
    if (total > kMaxMs) {
      return InvalidArgument("\"" + std::string(text.substr(0, 64)) + "\" is more than 100 years");
    }
  }
  return total;
}

}  // namespace signet::config
