#include "core/crypto/certificate.h"
#include "tests/ca/service/service_world.h"
#include "tests/core/crypto/vectors.h"
#include "tests/support/result.h"

using namespace signet;
using test::EntryOf;
using test::ServiceWorld;

TEST_CASE("X509-01, X509-12, X509-18: a CSR that asks to be a CA gets the entry's leaf") {
  ServiceWorld world;
  const auto agent = world.Attest("t");
  const auto entry = world.Create(EntryOf("/web", agent.id.path()));
  Bytes greedy;  // CA:TRUE, keyCertSign, cRLSign and three URIs
  for (const test::Vector& vector : test::ReadVectors("csrs.txt")) {
    if (vector.name == "greedy") {
      greedy = vector.der;
    }
  }
  const std::vector<service::SvidRequest> requests = {{entry->id, greedy}};
  const auto results = world.svids.BatchNewX509(agent.id, requests);
  REQUIRE_OK(results[0]);
  const auto leaf = crypto::Certificate::Parse(results[0]->svid.certificate).value();
  CHECK(leaf.uri_sans == std::vector<std::string>{"spiffe://example.org/web"});
  CHECK(leaf.has_basic_constraints);
  CHECK_FALSE(leaf.is_ca);
  REQUIRE(leaf.key_usage);
  CHECK((*leaf.key_usage & (crypto::kKeyCertSign | crypto::kCrlSign)) == 0);
}
