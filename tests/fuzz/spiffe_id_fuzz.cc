// Invariants: an ID that parses prints as the text it was read from, within the length limit, and
// its parts join to it.
#include <cstddef>
#include <cstdint>

#include "core/base/check.h"
#include "core/spiffe/spiffe_id.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using signet::spiffe::SpiffeId;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto id = SpiffeId::Parse(text);
  if (!id.ok()) {
    SIGNET_CHECK(!id.error().message.empty(), "an error says nothing");
    return 0;
  }
  SIGNET_CHECK(id->ToString() == text, "an ID prints as something else");
  SIGNET_CHECK(size <= signet::spiffe::kMaxIdBytes, "an ID is too long");
  const auto again = SpiffeId::FromParts(id->trust_domain(), id->path());
  SIGNET_CHECK(again.ok() && *again == *id, "an ID's parts do not join to it");
  SIGNET_CHECK(text.find_first_of(std::string_view("%?#@:\0", 6), 9) == std::string_view::npos,
               "an ID has a reserved character");
  return 0;
}
