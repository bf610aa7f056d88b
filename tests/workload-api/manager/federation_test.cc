#include "workload-api/manager/federation.h"

#include "ca/issuance/cross_certificate.h"
#include "tests/support/pki.h"
#include "tests/workload-api/manager/world.h"

namespace signet::manager {
namespace {

using namespace test;
using std::chrono::minutes;
using std::chrono::seconds;
using Lists = std::map<spiffe::TrustDomain, std::vector<Bytes>>;

/// Ours certifies other.org's root, again and again.
struct Ours {
  Bytes Certify() {
    const auto judged = issuance::JudgeForeignRoot(Td("other.org"), root.der(), clock.Now());
    REQUIRE_OK(judged);
    return issuer->CrossCertify(*judged, clock.Now()).value().der;
  }
  void NewAuthority() {
    key = *crypto::PrivateKey::Generate(crypto::KeyType::kEcP256);
    ca = *issuance::SelfSignCa(*key, {.trust_domain = Td()}, clock.Now(), random);
    issuer = *issuance::X509Issuer::Create(Td(), ca, key, random);
  }
  Ours() { NewAuthority(); }

  FakeClock clock;
  SystemRandom random;
  signet::test::TestCa root{"other.org"};
  std::shared_ptr<const crypto::PrivateKey> key;
  crypto::Certificate ca;
  std::shared_ptr<const issuance::X509Issuer> issuer;
};

/// FederatedWorld's only workload federates with other.org.
struct FederatedWorld : World {
  FederatedWorld() {
    spiffe::Bundle foreign{.trust_domain = Td("other.org")};
    foreign.x509_authorities.push_back({ours.root.der()});
    upstream.federated.emplace(foreign.trust_domain, foreign);
    upstream.entries[0].federates_with = {Td("other.org")};
    upstream.cross_certificates[Td("other.org")] = {ours.Certify()};
  }
  /// Hold subscribes the workload; `updates` grows.
  void Hold() {
    opened = hub->Subscribe({kMe}, svids::Topic::kHoldings,
                            [this](const svids::Update& update) { updates.push_back(update); });
    REQUIRE_OK(opened.first.status);
  }

  Ours ours;
  std::vector<svids::Update> updates;
  svids::Hub::Opened opened;
};

TEST_CASE("cross-certificates come to the workloads that federate, with the bundle") {
  FederatedWorld world;
  world.Start();
  world.Run(seconds(1));
  world.Hold();
  const auto& held = world.opened.first.holdings->cross_certificates;
  REQUIRE(held.size() == 1);
  CHECK(*held.at(Td("other.org")) == world.upstream.cross_certificates.at(Td("other.org")));

  world.upstream.entries[0].federates_with.clear();
  world.Run(seconds(6));
  REQUIRE_FALSE(world.updates.empty());
  CHECK(world.updates.back().holdings->cross_certificates.empty());
  world.opened = {};
}

TEST_CASE("a cross-certificate that was only signed anew is no news, another authority's is") {
  FederatedWorld world;
  world.Start();
  world.Run(seconds(1));
  world.Hold();
  const auto held = world.opened.first.holdings->cross_certificates.at(Td("other.org"));

  const Bytes again = world.ours.Certify();
  REQUIRE(again != held->front());
  world.upstream.cross_certificates[Td("other.org")] = {again};
  world.Run(seconds(6));
  CHECK(world.updates.empty());

  world.ours.NewAuthority();
  world.upstream.cross_certificates[Td("other.org")] = {world.ours.Certify()};
  world.Run(seconds(6));
  REQUIRE(world.updates.size() == 1);
  CHECK(world.updates[0].holdings->cross_certificates.at(Td("other.org"))->front() ==
        world.upstream.cross_certificates[Td("other.org")].front());
  world.opened = {};
}

TEST_CASE("an agent without federated entries asks for no cross-certificates") {
  World world;
  world.Start();
  world.Run(seconds(20));
  CHECK(world.upstream.asked_cross_certificates == 0);
}

TEST_CASE("a server that makes none is asked rarely, and everything else goes on") {
  FederatedWorld world;
  world.upstream.no_cross_certificates =
      GENERATE(Error(Unimplemented("unknown service")), Error(PermissionDenied("no such method")));
  world.Start();
  world.Run(minutes(5));
  CHECK(world.upstream.asked_cross_certificates == 1);
  CHECK(world.Served().federated_bundles_size() == 1);
  world.upstream.no_cross_certificates.reset();
  world.Run(minutes(6));
  CHECK(world.upstream.asked_cross_certificates > 1);
  world.Hold();
  CHECK(world.opened.first.holdings->cross_certificates.size() == 1);
  world.opened = {};
}

TEST_CASE("cross-certificates that do not come for now are asked for again, and what is held stays") {
  FederatedWorld world;
  world.Start();
  world.Run(seconds(1));
  world.upstream.no_cross_certificates = Unavailable("try again");
  const int before = world.upstream.asked_cross_certificates;
  world.Run(seconds(30));
  CHECK(world.upstream.asked_cross_certificates > before + 1);
  world.Hold();
  CHECK(world.opened.first.holdings->cross_certificates.size() == 1);
  world.opened = {};
}

}  // namespace
}  // namespace signet::manager
