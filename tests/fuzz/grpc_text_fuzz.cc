// Invariants: a timeout is never negative nor over a year; -bin values survive encoding and
// decoding; an encoded message is printable; a request head never keeps more than its limit.
#include <cstdint>

#include "core/base/check.h"
#include "core/rpc/grpc_text.h"
#include "core/rpc/request_head.h"

using namespace signet;
using namespace signet::rpc;

namespace {

void CheckBinary(std::string_view text) {
  const Result<std::vector<std::string>> decoded = DecodeBinary(text);
  if (!decoded.ok()) {
    return;
  }
  for (const std::string& value : *decoded) {
    const Result<std::vector<std::string>> again = DecodeBinary(EncodeBinary(value));
    SIGNET_CHECK(again.ok() && *again == std::vector<std::string>{value},
                 "a value does not survive");
  }
}

void CheckHead(std::string_view text) {
  constexpr std::size_t kMax = 512;
  RequestHead head;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string_view name = line.substr(0, line.find('='));
    head.Add(name, line.substr(std::min(line.size(), name.size() + 1)), kMax);
  }
  std::size_t kept = head.path.size();
  for (const auto& [name, value] : head.metadata.entries()) {
    kept += value.size();
    SIGNET_CHECK(!name.starts_with(':'), "a pseudo-header became metadata");
  }
  SIGNET_CHECK(kept <= kMax, "more is kept than allowed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText({data, size});
  if (const Result<Duration> timeout = ParseTimeout(text); timeout.ok()) {
    SIGNET_CHECK(*timeout >= Duration::zero() && *timeout <= std::chrono::hours(24 * 365),
                 "odd timeout");
  }
  for (const char c : PercentEncode(text)) {
    SIGNET_CHECK(c >= 0x20 && c <= 0x7e, "an encoded message is not printable");
  }
  CheckBinary(text);
  CheckHead(text);
  return 0;
}
