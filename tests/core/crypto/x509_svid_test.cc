#include "core/crypto/x509_svid.h"

#include "core/base/encoding.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::crypto;
using namespace std::chrono_literals;

namespace {

const SystemTime kNow = FromUnixSeconds(1'790'000'000);

spiffe::TrustDomain Domain(const std::string& name) { return *spiffe::TrustDomain::Parse(name); }

TrustStores Trust(const std::string& domain, const std::vector<Bytes>& authorities) {
  spiffe::Bundle bundle{.trust_domain = Domain(domain)};
  for (const Bytes& der : authorities) {
    bundle.x509_authorities.push_back({der});
  }
  return {{bundle.trust_domain, *TrustStore::Create(bundle)}};
}

}  // namespace

TEST_CASE("X509-23: an SVID of a published authority is trusted within its validity") {
  const test::TestCa ca("example.org");
  const test::TestCert leaf = ca.IssueSvid("spiffe://example.org/web");
  const TrustStores stores = Trust("example.org", {ca.der()});
  const auto svid = VerifyX509Svid({leaf.der}, stores, kNow);
  REQUIRE_OK(svid);
  CHECK(svid->id.ToString() == "spiffe://example.org/web");
  CHECK(svid->leaf().der == leaf.der);
  REQUIRE_ERROR(VerifyX509Svid({leaf.der}, stores, kNow + 2h), Code::kUnauthenticated, "expired");
  REQUIRE_ERROR(VerifyX509Svid({leaf.der}, stores, kNow - 2h), Code::kUnauthenticated,
                "not yet valid");
}

TEST_CASE("an intermediate completes the path, and anchors it alone when it is published") {
  const test::TestCa root("example.org");
  test::CertOptions options = test::TestCa::CaOptions("example.org");
  options.common_name = "intermediate";
  const test::TestCa intermediate = root.IssueCa(options);
  const test::TestCert leaf = intermediate.IssueSvid("spiffe://example.org/web");
  const TrustStores stores = Trust("example.org", {root.der()});
  REQUIRE_OK(VerifyX509Svid({leaf.der, intermediate.der()}, stores, kNow));
  REQUIRE_ERROR(VerifyX509Svid({leaf.der}, stores, kNow), Code::kUnauthenticated,
                "unable to get local issuer");
  REQUIRE_OK(VerifyX509Svid({leaf.der}, Trust("example.org", {intermediate.der()}), kNow));
}

TEST_CASE("two authorities with one name and different keys are told apart") {
  const test::TestCa first("example.org");
  const test::TestCa second("example.org");
  const test::TestCa stranger("example.org");
  const TrustStores stores = Trust("example.org", {first.der(), second.der()});
  REQUIRE_OK(VerifyX509Svid({first.IssueSvid("spiffe://example.org/a").der}, stores, kNow));
  REQUIRE_OK(VerifyX509Svid({second.IssueSvid("spiffe://example.org/b").der}, stores, kNow));
  REQUIRE_ERROR(VerifyX509Svid({stranger.IssueSvid("spiffe://example.org/c").der}, stores, kNow),
                Code::kUnauthenticated, "");
}
