#include "core/config/schema.h"
#include "tests/support/result.h"

namespace signet::config {
namespace {

// Values as Go's time.ParseDuration gives them.
TEST_CASE("durations are read as Go writes them") {
  const std::vector<std::pair<std::string, std::int64_t>> cases = {
      {"1h", 3'600'000},     {"90s", 90'000},
      {"1h30m", 5'400'000},  {"500ms", 500},
      {"1.5h", 5'400'000},   {"0s", 0},
      {"0.5s", 500},         {"1m1s1ms", 61'001},
      {"168h", 604'800'000}, {"1h1h", 7'200'000},
      {".5m", 30'000},       {"0.0001s", 1},
      {"1.s", 1'000},        {"876000h", 3'153'600'000'000}};
  for (const auto& [text, want] : cases) {
    INFO(text);
    const auto got = ParseDurationMs(text);
    REQUIRE_OK(got);
    CHECK(*got == want);
  }
}

TEST_CASE("what is not a duration, or longer than a century, is refused") {
  for (const std::string text : {"", "60", "0", "h", ".s", "-1h", "+1h", "1 h", "1d", "1w", "1us",
                                 "1h30", "1..5h", "1h ", "١h", "1H", "9999999999999s", "1e3s"}) {
    INFO(text);
    REQUIRE_ERROR(ParseDurationMs(text), Code::kInvalidArgument, "is not a duration");
  }
  REQUIRE_ERROR(ParseDurationMs("876001h"), Code::kInvalidArgument, "more than 100 years");
  REQUIRE_ERROR(ParseDurationMs("999999999999h999999999999h"), Code::kInvalidArgument,
                "more than 100 years");
}

}  // namespace
}  // namespace signet::config
