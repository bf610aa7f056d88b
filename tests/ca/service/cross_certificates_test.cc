#include "ca/service/cross_certificates.h"

#include <algorithm>

#include "core/base/encoding.h"
#include "tests/ca/service/service_world.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"

using namespace signet;
using service::CrossCertificates;
using test::CertOptions;
using test::ServiceWorld;
using test::TestCa;

namespace {

spiffe::TrustDomain Domain(const std::string& name) {
  return spiffe::TrustDomain::Parse(name).value();
}

void SetBundle(ServiceWorld& world, const std::string& name, const std::vector<Bytes>& roots) {
  REQUIRE_OK(world.bundles.Set({.trust_domain = name, .x509_authorities = roots}).status);
}

CrossCertificates::OfTrustDomain Of(const ServiceWorld& world, const std::string& name) {
  const auto snapshot = world.cross_certificates->current();
  const auto found = snapshot->find(Domain(name));
  REQUIRE(found != snapshot->end());
  return *found->second;
}

crypto::Certificate Parsed(const Bytes& der) { return crypto::Certificate::Parse(der).value(); }

struct CountingSink final : service::WatchSink {
  void Push(const service::WatchState& state) override { revisions.push_back(state.revision); }
  void End(const service::Denial&) override {}
  std::vector<std::uint64_t> revisions;
};

/// Rotate lets the time pass until another authority is active, and tells the part under test.
void Rotate(ServiceWorld& world) {
  const std::string before = world.authorities->issuer()->authority_id();
  for (int i = 0; i < 100 && world.authorities->issuer()->authority_id() == before; ++i) {
    world.clock.Advance(std::chrono::hours(1));
    while (world.authorities->Step().value()) {
    }
  }
  REQUIRE(world.authorities->issuer()->authority_id() != before);
}

}  // namespace

TEST_CASE("cross-certificates follow foreign bundles, and what did not change is not made again") {
  ServiceWorld world;
  CHECK(world.cross_certificates->current()->empty());
  const TestCa other("other.test");
  SetBundle(world, "other.test", {other.der()});
  const auto first = Of(world, "other.test");
  REQUIRE(first.certificates.size() == 1);
  CHECK(first.left_out.empty());
  CHECK(Parsed(first.certificates[0]).spki == Parsed(other.der()).spki);
  CHECK(Parsed(first.certificates[0]).issuer == world.authorities->issuer()->authority().subject);

  const TestCa third("third.test");
  SetBundle(world, "third.test", {third.der()});
  CHECK(Of(world, "third.test").certificates.size() == 1);
  CHECK(Of(world, "other.test") == first);
  CHECK_FALSE(world.cross_certificates->Refresh());

  const TestCa next("other.test");
  SetBundle(world, "other.test", {other.der(), next.der()});
  const auto both = Of(world, "other.test");
  REQUIRE(both.certificates.size() == 2);
  CHECK(both.certificates[0] == first.certificates[0]);
  CHECK(Parsed(both.certificates[1]).spki == Parsed(next.der()).spki);

  REQUIRE_OK(world.bundles.Delete("other.test", service::DeleteBundleMode::kRestrict));
  CHECK(world.cross_certificates->current()->size() == 1);
}

TEST_CASE("a new active authority makes new cross-certificates, and watching agents are told") {
  ServiceWorld world;
  CertOptions long_lived = TestCa::CaOptions("other.test");
  long_lived.not_after = world.clock.Now() + std::chrono::hours(10'000);
  SetBundle(world, "other.test", {TestCa::WithOptions(long_lived).der()});
  const auto first = Of(world, "other.test");
  Rotate(world);
  auto sink = std::make_shared<CountingSink>();
  world.hub.Open(test::ParsedId("/agent"), world.clock.Now() + std::chrono::hours(1), sink);

  world.cross_certificates->RefreshAndTell();
  const auto second = Of(world, "other.test");
  REQUIRE(second.certificates.size() == 1);
  CHECK(Parsed(second.certificates[0]).authority_key_id ==
        world.authorities->issuer()->authority().subject_key_id);
  CHECK(Parsed(second.certificates[0]).not_after > Parsed(first.certificates[0]).not_after);
  REQUIRE(sink->revisions.size() == 2);
  CHECK(sink->revisions[1] > sink->revisions[0]);

  world.cross_certificates->RefreshAndTell();
  CHECK(sink->revisions.size() == 2);
}

TEST_CASE("a foreign root that expires takes its cross-certificate with it") {
  ServiceWorld world;
  SetBundle(world, "other.test", {TestCa("other.test").der()});
  CHECK(Of(world, "other.test").certificates.size() == 1);
  world.clock.Advance(std::chrono::hours(24));
  CHECK(world.cross_certificates->Refresh());
  CHECK(Of(world, "other.test").certificates.empty());
  CHECK_THAT(Of(world, "other.test").left_out.at(0),
             Catch::Contains("X.509 authority 1 of other.test: it expired at"));
}

TEST_CASE("no bundle can put a root in the place of somebody else's") {
  ServiceWorld world;
  const TestCa victim("victim.test");
  SetBundle(world, "victim.test", {victim.der()});

  SECTION("a copy of another's root is theirs") {
    SetBundle(world, "thief.test", {victim.der()});
    CHECK_THAT(Of(world, "thief.test").left_out.at(0),
               Catch::Contains("it says that it is of the trust domain victim.test"));
  }
  SECTION("the same subject and key id with another key") {
    CertOptions options = TestCa::CaOptions("thief.test");
    options.common_name = "CA of victim.test";
    options.subject_key_id = HexEncode(Parsed(victim.der()).subject_key_id);
    SetBundle(world, "thief.test", {TestCa::WithOptions(options).der()});
    CHECK_THAT(Of(world, "thief.test").left_out.at(0),
               Catch::Contains("are those of an authority of victim.test"));
  }
  SECTION("our own authority's name") {
    CertOptions options = TestCa::CaOptions("thief.test");
    options.raw_subject = world.authorities->issuer()->authority().subject;
    SetBundle(world, "thief.test", {TestCa::WithOptions(options).der()});
    CHECK_THAT(Of(world, "thief.test").left_out.at(0),
               Catch::Contains("its subject is that of an authority of example.org"));
  }
  CHECK(Of(world, "thief.test").certificates.empty());
  CHECK(Of(world, "victim.test").certificates.size() == 1);
}

TEST_CASE("of two certificates for one foreign key the one that lives longer is certified") {
  ServiceWorld world;
  CertOptions longer = TestCa::CaOptions("other.test");
  longer.not_after = world.clock.Now() + std::chrono::hours(5);
  CertOptions shorter = longer;
  shorter.not_after -= std::chrono::hours(1);
  const TestCa root = TestCa::WithOptions(shorter);
  const TestCa renewed = root.Renewed(longer);
  SetBundle(world, "other.test", {root.der(), renewed.der()});
  const auto of = Of(world, "other.test");
  REQUIRE(of.certificates.size() == 1);
  CHECK(Parsed(of.certificates[0]).not_after == longer.not_after);
  CHECK_THAT(of.left_out.at(0), Catch::Contains("authority 1 of other.test: another authority"));
}
