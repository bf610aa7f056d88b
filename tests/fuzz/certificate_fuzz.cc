// Invariants: a certificate that parses keeps its bytes, parses again to the same, and
// libcrypto-backed checks on it (key, SVID, authority) end with an answer.
#include <cstddef>
#include <cstdint>

#include "core/base/check.h"
#include "core/crypto/bundle_codec.h"
#include "core/crypto/certificate.h"
#include "core/crypto/x509_svid.h"

namespace {

using namespace signet;
using namespace signet::crypto;

/// The input may also be trusted and verified: nothing of it is signed by an authority but by
/// chance of the fuzzer.
void TryToVerify(const Certificate& certificate) {
  spiffe::Bundle bundle{.trust_domain = *spiffe::TrustDomain::Parse("example.org")};
  if (ValidateAuthority(certificate.der).ok()) {
    bundle.x509_authorities.push_back({certificate.der});
  }
  const auto store = TrustStore::Create(bundle);
  if (!store.ok()) {
    return;
  }
  const TrustStores stores = {{bundle.trust_domain, *store}};
  const auto svid = VerifyX509Svid({certificate.der}, stores, FromUnixSeconds(1'790'000'000));
  SIGNET_CHECK(!svid.ok() || !bundle.x509_authorities.empty(), "trusted without an authority");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const auto certificate = Certificate::Parse(input);
  if (!certificate.ok()) {
    SIGNET_CHECK(certificate.error().code == Code::kInvalidArgument, "another code");
    return 0;
  }
  SIGNET_CHECK(Equal(certificate->der, input), "a certificate does not keep its bytes");
  SIGNET_CHECK(!certificate->serial.empty() && certificate->serial.front() != 0, "a bad serial");
  SIGNET_CHECK(certificate->serial_decimal.front() != '0', "a bad decimal serial");
  const auto list = ParseCertificateList(input);
  SIGNET_CHECK(list.ok() && list->size() == 1, "one certificate is not a list of one");
  (void)PublicKey::FromSpki(certificate->spki);
  const auto svid = X509Svid::Parse(input);
  SIGNET_CHECK(!svid.ok() || (svid->id.has_path() && !certificate->is_ca), "a bad SVID");
  TryToVerify(*certificate);
  return 0;
}
