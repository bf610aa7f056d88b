#include "signet/api/server/v1/cross_certificates.pb.h"
#include "tests/ca/rpc/rpc_world.h"
#include "tests/support/pki.h"

using namespace signet;
using test::RpcWorld;
using test::TestCa;
namespace own = signet::api::server::v1;

namespace {

constexpr char kMethod[] = "/signet.api.server.v1.CrossCertificates/ListCrossCertificates";

void SetBundle(RpcWorld& world, const std::string& name, const std::vector<Bytes>& roots) {
  REQUIRE_OK(world.bundles.Set({.trust_domain = name, .x509_authorities = roots}).status);
}

}  // namespace

TEST_CASE(
    "an agent lists the cross-certificates of all foreign trust domains, or of those it names") {
  RpcWorld world;
  SetBundle(world, "other.test", {TestCa("other.test").der(), TestCa("elsewhere.test").der()});
  SetBundle(world, "third.test", {TestCa("third.test").der()});
  const auto agent = RpcWorld::TlsPeer(world.Attest("one").svid.chain);

  own::ListCrossCertificatesRequest request;
  own::ListCrossCertificatesResponse all;
  REQUIRE(world.Unary(agent, kMethod, request, &all).code == Code::kOk);
  REQUIRE(all.cross_certificates_size() == 2);
  const auto& other = all.cross_certificates(0);
  CHECK(other.trust_domain() == "other.test");
  REQUIRE(other.certificates_size() == 1);
  const auto cross = crypto::Certificate::Parse(AsBytes(other.certificates(0)));
  REQUIRE_OK(cross);
  CHECK(cross->issuer == world.authorities->issuer()->authority().subject);
  REQUIRE(other.left_out_size() == 1);
  CHECK_THAT(other.left_out(0), Catch::Contains("elsewhere.test"));

  request.add_trust_domains("spiffe://third.test");
  request.add_trust_domains("unknown.test");
  request.add_trust_domains("example.org");
  own::ListCrossCertificatesResponse named;
  REQUIRE(world.Unary(agent, kMethod, request, &named).code == Code::kOk);
  REQUIRE(named.cross_certificates_size() == 1);
  CHECK(named.cross_certificates(0).trust_domain() == "third.test");
}

TEST_CASE("the list of cross-certificates is not for strangers, and its requests are bounded") {
  RpcWorld world;
  own::ListCrossCertificatesResponse response;
  CHECK(world.Unary(RpcWorld::TlsPeer(), kMethod, own::ListCrossCertificatesRequest(), &response)
            .code == Code::kPermissionDenied);
  own::ListCrossCertificatesRequest bad;
  bad.add_trust_domains("not a name");
  CHECK(world.Unary(world.local, kMethod, bad, &response).code == Code::kInvalidArgument);
  own::ListCrossCertificatesRequest many;
  for (int i = 0; i < 501; ++i) {
    many.add_trust_domains("td" + std::to_string(i));
  }
  CHECK(world.Unary(world.local, kMethod, many, &response).code == Code::kInvalidArgument);
}
