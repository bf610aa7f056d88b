#include "workload-api/csi/token_evidence.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

namespace signet::csi {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxTokenBytes = 16 * 1024;
constexpr std::size_t kMaxDepth = 4;

Error Malformed() { return InvalidArgument("the kubelet's service account tokens are malformed"); }

/// ParseTime reads RFC 3339 in UTC, as Kubernetes writes it: "2026-11-22T06:00:00Z".
std::optional<SystemTime> ParseTime(const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  int end = 0;
  const int read = std::sscanf(text.c_str(), "%4d-%2u-%2uT%2u:%2u:%2uZ%n", &year, &month, &day,
                               &hour, &minute, &second, &end);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (read != 6 || end != 20 || text.size() != 20 || !date.ok() || year < 1970 || hour > 23 ||
      minute > 59 || second > 60) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

Result<PodToken> ReadToken(const json& entry) {
  if (!entry.is_object() || !entry.contains("token") || !entry.contains("expirationTimestamp") ||
      !entry["token"].is_string() || !entry["expirationTimestamp"].is_string()) {
    return Malformed();
  }
  const auto& token = entry["token"].get_ref<const std::string&>();
  const auto expires = ParseTime(entry["expirationTimestamp"].get_ref<const std::string&>());
  if (token.empty() || token.size() > kMaxTokenBytes || !expires) {
    return Malformed();
  }
  return PodToken{.text = Secret(ToBytes(token)), .expires_at = *expires};
}

}  // namespace

Result<std::optional<PodToken>> ReadTokens(std::string_view text, std::string_view audience) {
  if (text.size() > kMaxTokensBytes) {
    return Malformed();
  }
  bool too_deep = false;
  const auto guard = [&too_deep](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > static_cast<int>(kMaxDepth);
    return !too_deep;
  };
  const json tokens = json::parse(text, guard, /*allow_exceptions=*/false);
  if (too_deep || !tokens.is_object()) {
    return Malformed();
  }
  const auto ours =
      audience.empty() && tokens.size() == 1 ? tokens.begin() : tokens.find(std::string(audience));
  if (ours == tokens.end()) {
    return std::optional<PodToken>();
  }
  SIGNET_TRY_ASSIGN(PodToken token, ReadToken(*ours));
  return std::optional(std::move(token));
}

}  // namespace signet::csi
