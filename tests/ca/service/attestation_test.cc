#include "ca/service/attestation.h"

#include <atomic>
#include <thread>

#include "core/crypto/certificate.h"
#include "tests/ca/service/service_world.h"
#include "tests/support/result.h"

using namespace signet;
using test::IdOf;
using test::ServiceWorld;

TEST_CASE("a join token admits a node once") {
  ServiceWorld world;
  const auto issued = world.Attest("tok1");
  CHECK(issued.id == test::ParsedId("/spire/agent/join_token/tok1"));
  CHECK_FALSE(issued.reattestable);
  const auto record = world.registry->FindAgent(issued.id);
  REQUIRE(record);
  CHECK(record->serial == issued.svid.serial_decimal);
  CHECK(record->attestation_type == "join_token");
  const auto leaf = crypto::Certificate::Parse(issued.svid.certificate).value();
  CHECK(leaf.uri_sans == std::vector<std::string>{issued.id.ToString()});
  CHECK(issued.svid.chain.size() == 1);
  REQUIRE_ERROR(world.TryAttest("tok1"), Code::kInvalidArgument,
                "failed to attest: join token does not exist or has already been used");
}

TEST_CASE("an unknown token is INVALID_ARGUMENT") {
  ServiceWorld world;
  REQUIRE_ERROR(world.TryAttest("never-made"), Code::kInvalidArgument, "does not exist");
}

TEST_CASE("an expired token is refused and burnt") {
  ServiceWorld world;
  REQUIRE_OK(world.agents.CreateJoinToken({.ttl_seconds = 60, .token = "old"}));
  world.clock.Advance(std::chrono::seconds(61));
  REQUIRE_ERROR(world.TryAttest("old"), Code::kInvalidArgument, "join token expired");
  REQUIRE_ERROR(world.TryAttest("old"), Code::kInvalidArgument, "does not exist");
}

TEST_CASE("of 64 racers on one token exactly one wins, and its serial is the recorded one") {
  ServiceWorld world;
  REQUIRE_OK(world.agents.CreateJoinToken({.ttl_seconds = 60, .token = "race"}));
  const Bytes csr = ServiceWorld::Csr();
  std::atomic<int> won{0};
  std::mutex mutex;
  std::string serial;
  std::vector<std::thread> racers;
  for (int i = 0; i < 64; ++i) {
    racers.emplace_back([&] {
      auto result = world.TryAttest("race", csr);
      if (result.ok()) {
        ++won;
        const std::lock_guard lock(mutex);
        serial = result->svid.serial_decimal;
      }
    });
  }
  for (std::thread& racer : racers) {
    racer.join();
  }
  CHECK(won == 1);
  CHECK(world.registry->FindAgent(test::ParsedId("/spire/agent/join_token/race"))->serial ==
        serial);
}

TEST_CASE("a token with an agent id makes an alias entry that goes with the agent") {
  ServiceWorld world;
  REQUIRE_OK(
      world.agents.CreateJoinToken({.ttl_seconds = 60, .token = "t", .agent_id = IdOf("/host1")}));
  const auto issued = world.TryAttest("t");
  REQUIRE_OK(issued);
  const auto entries = world.entries.Authorized(issued->id).value();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0]->spiffe_id.path() == "/host1");
  CHECK(entries[0]->selectors[0].ToString() == "spiffe_id:" + issued->id.ToString());
  REQUIRE_OK(world.agents.Delete(IdOf(issued->id.path())));
  CHECK(world.entries.Count({}).value() == 0);
  CHECK(world.agents.Count({}).value() == 0);
}

TEST_CASE("a bad request to make a token is refused") {
  ServiceWorld world;
  REQUIRE_ERROR(world.agents.CreateJoinToken({.ttl_seconds = 0}), Code::kInvalidArgument, "ttl");
  REQUIRE_ERROR(world.agents.CreateJoinToken({.ttl_seconds = 1, .token = "a/b"}),
                Code::kInvalidArgument, "join token");
  REQUIRE_ERROR(world.agents.CreateJoinToken({.ttl_seconds = 1, .agent_id = IdOf("/spire/server")}),
                Code::kInvalidArgument, "invalid agent ID");
  REQUIRE_OK(world.agents.CreateJoinToken({.ttl_seconds = 1, .token = "twice"}));
  REQUIRE_ERROR(world.agents.CreateJoinToken({.ttl_seconds = 1, .token = "twice"}), Code::kInternal,
                "already in use");
}

TEST_CASE("a request that lacks a part is refused before anything else") {
  ServiceWorld world;
  const Bytes csr = ServiceWorld::Csr();
  const auto begin = [&](service::AttestRequest request) {
    return world.attestation.Begin(std::move(request));
  };
  REQUIRE_ERROR(begin({"", ToBytes("t"), csr}), Code::kInvalidArgument, "type");
  REQUIRE_ERROR(begin({"join_token", {}, csr}), Code::kInvalidArgument, "payload");
  REQUIRE_ERROR(begin({"join_token", ToBytes("t"), {}}), Code::kInvalidArgument, "CSR");
  REQUIRE_ERROR(begin({"nobody", ToBytes("t"), csr}), Code::kFailedPrecondition, "nobody");
  REQUIRE_ERROR(begin({"join_token", Bytes(64 * 1024 + 1, 'a'), csr}), Code::kInvalidArgument,
                "64 KiB");
}

TEST_CASE("a bad CSR is refused and does not burn the token") {
  ServiceWorld world;
  REQUIRE_OK(world.agents.CreateJoinToken({.ttl_seconds = 60, .token = "keep"}));
  const Bytes good = ServiceWorld::Csr();
  Bytes truncated(good.begin(), good.begin() + 40);
  Bytes forged = good;
  forged.back() ^= 1U;
  Bytes oversized(9000, 0x30);
  for (const Bytes& bad : {ToBytes("nonsense"), truncated, forged, oversized}) {
    REQUIRE_ERROR(world.TryAttest("keep", bad), Code::kInvalidArgument, "CSR");
  }
  REQUIRE_OK(world.TryAttest("keep", good));
}

TEST_CASE("only the key of an agent's CSR is used") {
  ServiceWorld world;
  REQUIRE_OK(world.agents.CreateJoinToken({.ttl_seconds = 60, .token = "t"}));
  const auto issued =
      world.TryAttest("t", ServiceWorld::Csr({.uri_sans = {"spiffe://example.org/spire/server"},
                                              .dns_sans = {"admin.example.org"}}));
  REQUIRE_OK(issued);
  const auto leaf = crypto::Certificate::Parse(issued->svid.certificate).value();
  CHECK(leaf.uri_sans == std::vector<std::string>{issued->id.ToString()});
  CHECK(leaf.dns_sans.empty());
  CHECK_FALSE(leaf.is_ca);
}

TEST_CASE("renewing keeps the old serial until the new one is first used") {
  ServiceWorld world;
  const auto first = world.Attest("t");
  auto outcome = world.attestation.Renew(first.id, ServiceWorld::Csr());
  const auto& renewed = std::get<service::IssuedAgentSvid>(outcome);
  const char* method = "/spire.api.server.entry.v1.Entry/GetAuthorizedEntries";

  CHECK_FALSE(world.authorizer.Check(method, world.CallerOf(first)));
  CHECK(world.promoted.empty());
  CHECK_FALSE(world.authorizer.Check(method, world.CallerOf(renewed)));
  CHECK(world.promoted == std::vector<spiffe::SpiffeId>{first.id});
  const auto denial = world.authorizer.Check(method, world.CallerOf(first));
  REQUIRE(denial);
  CHECK(denial->reason == service::DenialReason::kAgentNotActive);
  CHECK_FALSE(world.authorizer.Check(method, world.CallerOf(renewed)));
}

TEST_CASE("a promotion survives a write that was planned before it") {
  ServiceWorld world;
  const auto first = world.Attest("t");
  auto outcome = world.attestation.Renew(first.id, ServiceWorld::Csr());
  const auto& renewed = std::get<service::IssuedAgentSvid>(outcome);
  REQUIRE_OK(world.registry->Transact([&]() -> Result<std::vector<store::Write>> {
    store::Agent stale = *world.registry->FindAgent(first.id);
    stale.version = "1.2.3";
    REQUIRE(world.registry->PromoteSerial(first.id, renewed.svid.serial_decimal));
    return std::vector<store::Write>{store::PutAgent{stale}};
  }));
  const auto record = world.registry->FindAgent(first.id);
  CHECK(record->serial == renewed.svid.serial_decimal);
  CHECK(record->pending_serial.empty());
  CHECK(record->version == "1.2.3");
}

TEST_CASE("renewing refuses the unknown, the reattestable and the malformed") {
  ServiceWorld world;
  const auto denial_of = [&](const spiffe::SpiffeId& id, const Bytes& csr) {
    return std::get<service::Denial>(world.attestation.Renew(id, csr));
  };
  CHECK(denial_of(test::ParsedId("/spire/agent/none"), ServiceWorld::Csr()).error.code ==
        Code::kNotFound);
  const auto agent = world.Attest("t");
  CHECK(denial_of(agent.id, {}).error.code == Code::kInvalidArgument);
  CHECK(denial_of(agent.id, ToBytes("x")).error.code == Code::kInvalidArgument);
  REQUIRE_OK(world.registry->Transact([&]() -> Result<std::vector<store::Write>> {
    store::Agent record = *world.registry->FindAgent(agent.id);
    record.can_reattest = true;
    return std::vector<store::Write>{store::PutAgent{record}};
  }));
  const auto denial = denial_of(agent.id, ServiceWorld::Csr());
  CHECK(denial.error.code == Code::kPermissionDenied);
  CHECK(denial.reason == service::DenialReason::kAgentMustReattest);
}

TEST_CASE("a banned agent cannot attest again, an evicted one can") {
  ServiceWorld world;
  const auto agent = world.Attest("t");
  REQUIRE_OK(world.agents.Ban(IdOf(agent.id.path())));
  REQUIRE_OK(world.agents.CreateJoinToken({.ttl_seconds = 60, .token = "t"}));
  REQUIRE_ERROR(world.TryAttest("t"), Code::kPermissionDenied, "failed to attest: agent is banned");
  REQUIRE_OK(world.agents.Delete(IdOf(agent.id.path())));
  REQUIRE_OK(world.TryAttest("t"));
}
