// Invariant: blocks that were read can be written, and are read again as the same.
#include <cstddef>
#include <cstdint>

#include "core/base/check.h"
#include "core/crypto/pem.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet;
  if (size > 256 * 1024) {
    return 0;  // written out it could pass the reader's limit
  }
  const auto blocks = crypto::PemDecode(AsText({data, size}));
  if (!blocks.ok()) {
    SIGNET_CHECK(blocks.error().code == Code::kInvalidArgument, "another code");
    return 0;
  }
  std::string text;
  for (const crypto::PemBlock& block : *blocks) {
    SIGNET_CHECK(!block.content.empty(), "an empty block");
    text += crypto::PemEncode(block.label, block.content);
  }
  const auto again = crypto::PemDecode(text);
  SIGNET_CHECK(again.ok() && again->size() == blocks->size(), "blocks get lost");
  for (std::size_t i = 0; i < blocks->size(); ++i) {
    SIGNET_CHECK((*again)[i].label == (*blocks)[i].label, "a label changes");
    SIGNET_CHECK((*again)[i].content == (*blocks)[i].content, "a content changes");
  }
  return 0;
}
