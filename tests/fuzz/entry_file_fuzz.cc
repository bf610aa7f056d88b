// An entry file is refused, or every entry in it has what the server asks of one.
#include "ca/cmd/entry_file.h"
#include "core/base/check.h"
#include "spire/api/types/entry.pb.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto entries = signet::ca_cmd::ParseEntryFile(text);
  if (!entries.ok()) {
    SIGNET_CHECK(!entries.error().message.empty(), "an error without text");
    return 0;
  }
  for (const auto& entry : *entries) {
    SIGNET_CHECK(!entry.spiffe_id().trust_domain().empty(), "an entry without an ID");
    SIGNET_CHECK(!entry.parent_id().trust_domain().empty(), "an entry without a parent");
    SIGNET_CHECK(entry.x509_svid_ttl() >= 0 && entry.jwt_svid_ttl() >= 0, "a negative TTL");
    for (const auto& selector : entry.selectors()) {
      SIGNET_CHECK(!selector.type().empty() && !selector.value().empty(), "an empty selector");
    }
  }
  return 0;
}
