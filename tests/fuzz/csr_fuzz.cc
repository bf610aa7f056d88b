// Invariants: a request is refused with INVALID_ARGUMENT or has a key of an accepted type; names
// hold no control bytes.
#include <cstddef>
#include <cstdint>

#include "core/base/check.h"
#include "core/crypto/csr.h"

namespace {

void CheckNames(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    SIGNET_CHECK(!name.empty(), "an empty name");
    for (const char c : name) {
      SIGNET_CHECK(c >= 0x20 && c < 0x7f, "a name with a control byte");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto csr = signet::crypto::ParseCsr({data, size});
  if (!csr.ok()) {
    SIGNET_CHECK(csr.error().code == signet::Code::kInvalidArgument, "another code");
    return 0;
  }
  SIGNET_CHECK(size <= signet::crypto::kMaxCsrBytes, "an oversized request");
  const auto key = signet::crypto::PublicKey::FromSpki(csr->public_key.spki());
  SIGNET_CHECK(key.ok() && *key == csr->public_key, "a key that is refused by itself");
  SIGNET_CHECK(!csr->subject.empty() && csr->subject.front() == 0x30, "a subject that is no name");
  CheckNames(csr->uri_sans);
  CheckNames(csr->dns_sans);
  return 0;
}
