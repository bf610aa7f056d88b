#include "ca/service/agents.h"

#include "tests/ca/service/service_world.h"
#include "tests/support/result.h"

using namespace signet;
using test::IdOf;
using test::ServiceWorld;

TEST_CASE("agents are found, counted and listed by every filter") {
  ServiceWorld world;
  const auto one = world.Attest("one");
  const auto two = world.Attest("two");
  REQUIRE_OK(world.agents.Ban(IdOf(two.id.path())));
  const auto count = [&](const service::AgentFilter& filter) {
    return world.agents.Count(filter).value();
  };
  CHECK(count({}) == 2);
  CHECK(count({.attestation_type = "join_token"}) == 2);
  CHECK(count({.attestation_type = "k8s_psat"}) == 0);
  CHECK(count({.banned = true}) == 1);
  CHECK(count({.banned = false}) == 1);
  CHECK(count({.can_reattest = true}) == 0);
  CHECK(count({.expires_before = "2000-01-01 00:00:00 +0000 +00"}) == 0);
  CHECK(count({.expires_before = "2100-01-01 00:00:00 +0200 +02"}) == 2);
  CHECK(count({.expires_before = "next Tuesday"}) == 2);
  REQUIRE_ERROR(world.agents.Count({.selectors = {{{}, service::Match::kAny}}}), Code::kInternal,
                "empty selector set");
  CHECK(world.agents.List({}, {1, ""}).value().items[0]->id == one.id);
}

TEST_CASE("an id that is no agent's is INVALID_ARGUMENT, an unknown agent NOT_FOUND") {
  ServiceWorld world;
  for (const auto& id : {IdOf("/web"), IdOf("/spire/server"), IdOf(""),
                         service::IdText{"other.org", "/spire/agent/x"}}) {
    REQUIRE_ERROR(world.agents.Get(id), Code::kInvalidArgument, "invalid agent ID");
    REQUIRE_ERROR(world.agents.Ban(id), Code::kInvalidArgument, "invalid agent ID");
    REQUIRE_ERROR(world.agents.Delete(id), Code::kInvalidArgument, "invalid agent ID");
  }
  REQUIRE_ERROR(world.agents.Get(std::nullopt), Code::kInvalidArgument, "invalid agent ID");
  const auto unknown = IdOf("/spire/agent/x");
  REQUIRE_ERROR(world.agents.Get(unknown), Code::kNotFound, "agent not found");
  REQUIRE_ERROR(world.agents.Ban(unknown), Code::kNotFound, "agent not found");
  REQUIRE_ERROR(world.agents.Delete(unknown), Code::kNotFound, "agent not found");
}

TEST_CASE("a ban empties both serials and keeps the record") {
  ServiceWorld world;
  const auto agent = world.Attest("t");
  static_cast<void>(world.attestation.Renew(agent.id, ServiceWorld::Csr()));
  REQUIRE_OK(world.agents.Ban(IdOf(agent.id.path())));
  const auto record = world.agents.Get(IdOf(agent.id.path())).value();
  CHECK(record->banned());
  CHECK(record->pending_serial.empty());
}

TEST_CASE("status stores the version and bounds it") {
  ServiceWorld world;
  const auto agent = world.Attest("t");
  REQUIRE_OK(world.agents.PostStatus(agent.id, "1.0"));
  CHECK(world.registry->FindAgent(agent.id)->version == "1.0");
  const int commits = world.store.commits;
  REQUIRE_OK(world.agents.PostStatus(agent.id, "1.0"));
  REQUIRE_OK(world.agents.PostStatus(agent.id, ""));
  CHECK(world.store.commits == commits);
  REQUIRE_ERROR(world.agents.PostStatus(agent.id, std::string(256, 'v')), Code::kInvalidArgument,
                "255");
  REQUIRE_ERROR(world.agents.PostStatus(test::ParsedId("/spire/agent/x"), "1"), Code::kNotFound,
                "agent not found");
}

TEST_CASE("expired tokens are pruned") {
  ServiceWorld world;
  REQUIRE_OK(world.agents.CreateJoinToken({.ttl_seconds = 10, .token = "a"}));
  REQUIRE_OK(world.agents.CreateJoinToken({.ttl_seconds = 100, .token = "b"}));
  world.clock.Advance(std::chrono::seconds(11));
  CHECK(world.agents.PruneTokens().value() == 1);
  REQUIRE_OK(world.TryAttest("b"));
}
