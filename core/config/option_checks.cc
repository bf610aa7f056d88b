#include "core/config/option_checks.h"

#include <arpa/inet.h>

#include <charconv>

#include "core/config/schema.h"

namespace signet::config {
namespace {

bool IsPortFrom(std::int64_t least, const std::string& text) {
  std::int64_t port = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= least && port <= 65535;
}

}  // namespace

std::string NotEmptyProblem(const std::string& text) {
  return text.empty() ? "must not be empty" : "";
}

std::string PortProblem(const std::string& text) {
  return IsPortFrom(1, text) ? "" : "a port is a number from 1 to 65535";
}

std::string PortOrZeroProblem(const std::string& text) {
  return IsPortFrom(0, text) ? "" : "a port is a number from 0 to 65535";
}

std::string NumericAddressProblem(const std::string& text) {
  unsigned char address[sizeof(in6_addr)];
  const bool numeric = ::inet_pton(AF_INET, text.c_str(), address) == 1 ||
                       ::inet_pton(AF_INET6, text.c_str(), address) == 1;
  return numeric ? "" : "must be a numeric address, such as 0.0.0.0 or ::1";
}

std::string PositiveDurationProblem(const std::string& text) {
  const Result<std::int64_t> duration = ParseDurationMs(text);
  return duration.ok() && *duration >= 1000 ? "" : "must be at least one second";
}

std::string LogFormatProblem(const std::string& text) {
  return text == "text" || text == "json" ? "" : "expects \"text\" or \"json\"";
}

}  // namespace signet::config
