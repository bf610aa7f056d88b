// What is refused before it reaches a server that works.
#include "workload-api/delivery/material.h"

#include "tests/support/result.h"
#include "tests/workload-api/delivery/make_material.h"

using namespace signet;
using namespace signet::delivery;
using namespace std::chrono_literals;

namespace {

const char* const kId = "spiffe://example.org/web";

void CheckRefused(const Material& material, const char* why, SystemTime now = kNow) {
  const Status status = CheckUsable(material, now);
  REQUIRE_ERROR(status, Code::kFailedPrecondition, why);
  CHECK_THAT(status.error().message,
             Catch::StartsWith("the identity spiffe://example.org/web is not usable: "));
}

}  // namespace

TEST_CASE("an identity whose parts fit is usable, with and without intermediates") {
  const test::TestCa ca = MakeCa("example.org");
  REQUIRE_OK(CheckUsable(MakeMaterial(ca, ca.IssueSvid(kId)), kNow));
  const test::TestCa below = ca.IssueCa(test::TestCa::CaOptions("example.org"));
  Material material = MakeMaterial(ca, below.IssueSvid(kId));
  CheckRefused(material, "unable to get local issuer");
  material.chain.push_back(below.der());
  REQUIRE_OK(CheckUsable(material, kNow));
}

TEST_CASE("a key that is not the certificate's is refused") {
  const test::TestCa ca = MakeCa("example.org");
  Material material = MakeMaterial(ca, ca.IssueSvid(kId));
  material.key = Secret(Bytes(ca.IssueSvid(kId).key_pkcs8));
  CheckRefused(material, "the private key is not that of the certificate");
  material.key = Secret(ToBytes("no key"));
  CheckRefused(material, "not one PKCS#8 structure");
  material.key = Secret();
  CheckRefused(material, "not one PKCS#8 structure");
}

TEST_CASE("a certificate is refused outside its life") {
  const test::TestCa ca = MakeCa("example.org");
  const Material material = MakeMaterial(ca, ca.IssueSvid(kId));
  CheckRefused(material, "has expired", kNow + 61min);
  CheckRefused(material, "not yet valid", kNow - 61min);
}

TEST_CASE("a certificate of a root that is not the own trust domain's is refused") {
  const test::TestCa ca = MakeCa("example.org");
  const test::TestCa other = MakeCa("other.org");
  Material material = MakeMaterial(ca, other.IssueSvid(kId));  // forged by the neighbour
  material.bundles[Domain("other.org")] = {other.der()};
  CheckRefused(material, "unable to get local issuer");
  material.bundles.erase(Domain("example.org"));
  CheckRefused(material, "unable to get local issuer");
  material.bundles[Domain("example.org")] = {ToBytes("no certificate")};
  CheckRefused(material, "authority of example.org");
}

TEST_CASE("what is no X509-SVID, or that of somebody else, is refused") {
  const test::TestCa ca = MakeCa("example.org");
  CheckRefused(MakeMaterial(ca, ca.IssueSvid("spiffe://example.org/db")),
               "the certificate is that of spiffe://example.org/db");
  CheckRefused(MakeMaterial(ca, ca.Issue({.dns = {"web.example.org"}})), "0 URI names");
  CheckRefused(MakeMaterial(ca, ca.Issue({.uris = {kId}, .key_usage = "critical,keyCertSign"})),
               "digitalSignature");
  Material material = MakeMaterial(ca, ca.IssueSvid(kId));
  material.chain = {};
  CheckRefused(material, "chain has 0 certificates");
}
