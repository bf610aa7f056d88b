// Invariant: a verdict that is read from a ticket is written as the bytes it was read from.
#include <cstddef>
#include <cstdint>

#include "core/base/check.h"
#include "workload-api/client/verdict.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto verdict = signet::client::DecodeVerdict({data, size});
  if (verdict.ok()) {
    SIGNET_CHECK(signet::Equal(signet::client::EncodeVerdict(*verdict), {data, size}),
                 "a verdict is written as something else");
  }
  return 0;
}
