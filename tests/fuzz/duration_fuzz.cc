// A duration is refused or lies between zero and a century, and reading its plain form again gives
// it back.
#include "core/base/check.h"
#include "core/config/schema.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = signet::config::ParseDurationMs(text);
  if (!parsed.ok()) {
    return 0;
  }
  SIGNET_CHECK(*parsed >= 0 && *parsed <= 100LL * 365 * 24 * 3'600 * 1'000, "out of range");
  if (*parsed < 999'999'999'999) {
    const auto again = signet::config::ParseDurationMs(std::to_string(*parsed) + "ms");
    SIGNET_CHECK(again.ok() && *again == *parsed, "does not survive a second reading");
  }
  return 0;
}
