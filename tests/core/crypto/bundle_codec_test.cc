#include "core/crypto/bundle_codec.h"

#include "core/crypto/key.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::crypto;

namespace {

const spiffe::TrustDomain kDomain = *spiffe::TrustDomain::Parse("example.org");

spiffe::Bundle MakeBundle() {
  spiffe::Bundle bundle{.trust_domain = kDomain};
  bundle.x509_authorities.push_back({test::TestCa("example.org").der()});
  test::CertOptions rsa = test::TestCa::CaOptions("example.org");
  rsa.key_type = "RSA";
  bundle.x509_authorities.push_back({test::TestCa::WithOptions(rsa).der()});
  for (const KeyType type : {KeyType::kEcP384, KeyType::kRsa2048}) {
    bundle.jwt_authorities.push_back({.spki = (*PrivateKey::Generate(type))->public_key().spki(),
                                      .key_id = std::string(KeyTypeName(type))});
  }
  bundle.sequence = 9007199254740993;  // 2^53 + 1
  bundle.refresh_hint_seconds = 300;
  return bundle;
}

}  // namespace

TEST_CASE("BUN-02: a bundle survives JSON, with a sequence number beyond 2^53") {
  const spiffe::Bundle bundle = MakeBundle();
  const auto json = WriteBundleJson(bundle);
  REQUIRE_OK(json);
  const auto read = ParseBundleJson(kDomain, *json);
  REQUIRE_OK(read);
  CHECK(*read == bundle);
}

TEST_CASE("a bundle's X.509 authorities survive PEM") {
  const spiffe::Bundle bundle = MakeBundle();
  const auto read = ParseBundlePem(kDomain, WriteBundlePem(bundle));
  REQUIRE_OK(read);
  CHECK(read->x509_authorities == bundle.x509_authorities);
  CHECK(read->jwt_authorities.empty());
}
