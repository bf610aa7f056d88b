#include "ca/service/svids.h"

#include "core/crypto/certificate.h"
#include "tests/ca/service/service_world.h"
#include "tests/support/result.h"

using namespace signet;
using test::EntryOf;
using test::ServiceWorld;

TEST_CASE("a batch answers every item in order, each with its own outcome") {
  ServiceWorld world;
  const auto agent = world.Attest("t");
  const auto stranger = world.Attest("stranger");
  service::EntryInput input = EntryOf("/web", agent.id.path());
  input.dns_names = {"web.example.org", "www.example.org"};
  input.x509_svid_ttl = 120;
  const auto entry = world.Create(input);
  const auto foreign = world.Create(EntryOf("/db", stranger.id.path()));
  const Bytes csr = ServiceWorld::Csr(
      {.uri_sans = {"spiffe://example.org/root"}, .dns_sans = {"evil.example.org"}});
  const Bytes junk = ToBytes("junk");
  const std::vector<service::SvidRequest> requests = {
      {entry->id, csr}, {foreign->id, csr}, {"none", csr},   {"", csr},
      {entry->id, {}},  {entry->id, junk},  {entry->id, csr}};
  const auto results = world.svids.BatchNewX509(agent.id, requests);
  REQUIRE(results.size() == requests.size());
  REQUIRE_OK(results[0]);
  REQUIRE_ERROR(results[1], Code::kNotFound, "entry not found or not authorized");
  REQUIRE_ERROR(results[2], Code::kNotFound, "entry not found or not authorized");
  REQUIRE_ERROR(results[3], Code::kInvalidArgument, "entry ID");
  REQUIRE_ERROR(results[4], Code::kInvalidArgument, "CSR");
  REQUIRE_ERROR(results[5], Code::kInvalidArgument, "CSR");
  REQUIRE_OK(results[6]);

  const auto leaf = crypto::Certificate::Parse(results[0]->svid.certificate).value();
  CHECK(leaf.uri_sans == std::vector<std::string>{"spiffe://example.org/web"});
  CHECK(leaf.dns_sans == input.dns_names);
  CHECK(leaf.not_after == world.clock.Now() + std::chrono::seconds(120));
  CHECK_FALSE(leaf.is_ca);
  CHECK(results[0]->svid.serial_decimal != results[6]->svid.serial_decimal);
}

TEST_CASE("an agent that is gone gets nothing") {
  ServiceWorld world;
  const auto entry = world.Create(EntryOf("/web", "/spire/agent/x"));
  const Bytes csr = ServiceWorld::Csr();
  const std::vector<service::SvidRequest> requests = {{entry->id, csr}};
  const auto results = world.svids.BatchNewX509(test::ParsedId("/spire/agent/x"), requests);
  REQUIRE_ERROR(results[0], Code::kNotFound, "not authorized");
}

TEST_CASE("minting signs what the CSR names, within the rules") {
  ServiceWorld world;
  const std::string id = "spiffe://example.org/webhook";
  const auto mint = [&](const crypto::CsrRequest& request) {
    return world.svids.MintX509(ServiceWorld::Csr(request), 60);
  };
  const auto minted = mint({.uri_sans = {id}, .dns_sans = {"a.example.org", "*.b.org"}});
  REQUIRE_OK(minted);
  const auto leaf = crypto::Certificate::Parse(minted->svid.certificate).value();
  CHECK(leaf.uri_sans == std::vector<std::string>{id});
  CHECK(leaf.dns_sans == std::vector<std::string>{"a.example.org", "*.b.org"});
  CHECK(leaf.not_after == world.clock.Now() + std::chrono::seconds(60));

  struct Row {
    crypto::CsrRequest request;
    const char* text;
  };
  const Row rows[] = {
      {{}, "exactly one URI"},
      {{.uri_sans = {id, id + "2"}}, "exactly one URI"},
      {{.uri_sans = {"https://example.org/x"}}, "SPIFFE ID"},
      {{.uri_sans = {"spiffe://example.org/spire/server"}}, "reserved"},
      {{.uri_sans = {"spiffe://other.org/x"}}, "not a member"},
      {{.uri_sans = {id}, .dns_sans = {"a_b..c"}}, "DNS name"},
      {{.uri_sans = {id}, .dns_sans = {"*.b.org", "a.b.org"}}, "already covers"},
  };
  for (const Row& row : rows) {
    REQUIRE_ERROR(mint(row.request), Code::kInvalidArgument, row.text);
  }
  REQUIRE_ERROR(world.svids.MintX509({}, 0), Code::kInvalidArgument, "missing CSR");
}

TEST_CASE("the server's own SVID is made, kept, and renewed at half of its life") {
  ServiceWorld world;
  CHECK(world.server_svid.Step().value());
  const auto first = world.server_svid.current();
  const auto leaf = crypto::Certificate::Parse(first->chain[0]).value();
  CHECK(leaf.uri_sans == std::vector<std::string>{"spiffe://example.org/spire/server"});
  CHECK_FALSE(world.server_svid.Step().value());
  world.clock.Advance(std::chrono::minutes(31));
  CHECK(world.server_svid.Step().value());
  CHECK(world.server_svid.current()->chain != first->chain);
}
