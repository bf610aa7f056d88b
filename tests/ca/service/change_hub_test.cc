#include "ca/service/change_hub.h"

#include <optional>

#include "tests/ca/service/service_world.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"

using namespace signet;
using test::EntryOf;
using test::IdOf;
using test::ServiceWorld;

namespace {

struct RecordingSink final : service::WatchSink {
  void Push(const service::WatchState& state) override { states.push_back(state); }
  void End(const service::Denial& why) override { ended = why.reason; }
  std::vector<service::WatchState> states;
  std::optional<service::DenialReason> ended;
};

std::shared_ptr<RecordingSink> Open(ServiceWorld& world, const service::IssuedAgentSvid& agent) {
  auto sink = std::make_shared<RecordingSink>();
  world.hub.Open(agent.id, agent.svid.not_after, sink);
  return sink;
}

}  // namespace

TEST_CASE("a watching agent hears of its own changes alone, with revisions that rise") {
  ServiceWorld world;
  const auto one = world.Attest("one");
  const auto two = world.Attest("two");
  const auto sink_one = Open(world, one);
  const auto sink_two = Open(world, two);
  REQUIRE(sink_one->states.size() == 1);
  CHECK(sink_one->states[0].revision == world.registry->revision());

  const auto entry = world.Create(EntryOf("/web", one.id.path()));
  CHECK(sink_one->states.size() == 2);
  CHECK(sink_one->states[1].revision > sink_one->states[0].revision);
  CHECK(sink_two->states.size() == 1);
  world.Create(EntryOf("/below", "/web"));
  CHECK(sink_one->states.size() == 3);
  REQUIRE_OK(world.Delete(entry->id));
  CHECK(sink_one->states.size() == 4);
  CHECK(sink_two->states.size() == 1);
}

TEST_CASE("an entry that moves tells both parents") {
  ServiceWorld world;
  const auto one = world.Attest("one");
  const auto two = world.Attest("two");
  const auto entry = world.Create(EntryOf("/web", one.id.path()));
  const auto sink_one = Open(world, one);
  const auto sink_two = Open(world, two);
  service::EntryInput moved = EntryOf("/web", two.id.path());
  moved.id = entry->id;
  REQUIRE_OK(world.Update(moved, {}));
  CHECK(sink_one->states.size() == 2);
  CHECK(sink_two->states.size() == 2);
}

TEST_CASE("a node alias, and entries below it, concern the agents with its selectors") {
  ServiceWorld world;
  const auto agent = world.Attest("one");
  REQUIRE_OK(world.registry->Transact([&]() -> Result<std::vector<store::Write>> {
    store::Agent record = *world.registry->FindAgent(agent.id);
    record.selectors = {{"k8s", "cluster:a"}};
    return std::vector<store::Write>{store::PutAgent{record}};
  }));
  const auto sink = Open(world, agent);
  world.Create(EntryOf("/cluster", "/spire/server", {"k8s:cluster:a"}));
  CHECK(sink->states.size() == 2);
  world.Create(EntryOf("/shared", "/cluster"));
  CHECK(sink->states.size() == 3);
  world.Create(EntryOf("/b", "/spire/server", {"k8s:cluster:b"}));
  CHECK(sink->states.size() == 3);
}

TEST_CASE("a bundle change concerns everybody") {
  ServiceWorld world;
  const auto sink = Open(world, world.Attest("one"));
  REQUIRE_OK(world.bundles.AppendOwn({.x509_authorities = {test::TestCa("example.org").der()}}));
  REQUIRE(sink->states.size() == 2);
  CHECK(sink->states[1].bundle_sequence == 1);
}

TEST_CASE("streams end with the reason when the agent is banned, evicted or expired") {
  ServiceWorld world;
  const auto agent = world.Attest("one");
  const auto other = Open(world, world.Attest("other"));
  const auto sink = Open(world, agent);
  SECTION("banned") {
    REQUIRE_OK(world.agents.Ban(IdOf(agent.id.path())));
    CHECK(sink->ended == service::DenialReason::kAgentBanned);
    CHECK_FALSE(other->ended);
  }
  SECTION("evicted") {
    REQUIRE_OK(world.agents.Delete(IdOf(agent.id.path())));
    CHECK(sink->ended == service::DenialReason::kAgentNotAttested);
    CHECK_FALSE(other->ended);
  }
  SECTION("expired") {
    world.hub.EndExpired();
    CHECK_FALSE(sink->ended);
    world.clock.Advance(std::chrono::hours(1));
    world.hub.EndExpired();
    CHECK(sink->ended == service::DenialReason::kAgentExpired);
    CHECK(world.hub.watching() == 0);
  }
}

TEST_CASE("an authority is acknowledged once every open stream has said so") {
  ServiceWorld world;
  CHECK(world.records.Acknowledged("id"));
  const auto one = world.Attest("one");
  const auto watch_one =
      world.hub.Open(one.id, one.svid.not_after, std::make_shared<RecordingSink>());
  const auto watch_two =
      world.hub.Open(one.id, one.svid.not_after, std::make_shared<RecordingSink>());
  CHECK_FALSE(world.records.Acknowledged("id"));
  world.hub.Acknowledge(watch_one, {"id", "older"});
  CHECK_FALSE(world.records.Acknowledged("id"));
  world.hub.Acknowledge(watch_two, {"older"});
  CHECK_FALSE(world.records.Acknowledged("id"));
  world.hub.Close(watch_two);
  CHECK(world.records.Acknowledged("id"));
}
