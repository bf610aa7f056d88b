// Invariants: an element's bytes are its tag, length and content as the writer would write them (so
// there is one encoding for each), elements tile the input, and no element leaves it.
#include <cstddef>
#include <cstdint>

#include "core/base/check.h"
#include "core/crypto/der.h"

namespace {

using signet::ByteView;
using signet::Equal;
namespace der = signet::crypto::der;

void CheckContent(const der::Element& element) {
  if (const auto number = der::ReadUnsigned(element.content); number.ok()) {
    SIGNET_CHECK(Equal(der::Unsigned(*number), der::Tlv(der::kInteger, element.content)),
                 "an integer has two encodings");
  }
  if (const auto bits = der::ReadBitString(element.content); bits.ok()) {
    SIGNET_CHECK(Equal(der::BitString(*bits), der::Tlv(der::kBitString, element.content)),
                 "a bit string has two encodings");
  }
  (void)der::ReadBoolean(element.content);
  (void)der::ReadSmallInteger(element.content);
}

void Walk(ByteView input, int depth) {
  der::Reader reader(input);
  std::size_t used = 0;
  while (!reader.AtEnd()) {
    const auto element = reader.Next();
    if (!element.ok()) {
      SIGNET_CHECK(element.error().code == signet::Code::kInvalidArgument, "another code");
      return;
    }
    SIGNET_CHECK(Equal(der::Tlv(element->tag, element->content), element->whole),
                 "an element has two encodings");
    used += element->whole.size();
    SIGNET_CHECK(used + reader.rest().size() == input.size(), "elements do not tile the input");
    CheckContent(*element);
    if ((element->tag & 0x20) != 0 && depth < 32) {
      Walk(element->content, depth + 1);
    }
  }
  SIGNET_CHECK(reader.Finish().ok(), "an empty reader does not finish");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Walk({data, size}, 0);
  return 0;
}
