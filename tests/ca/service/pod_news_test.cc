#include "ca/service/pod_news.h"

#include "tests/ca/service/pod_world.h"

using namespace signet;
using test::PodOn;
using test::PodWorld;

namespace {

struct RecordingSink final : service::WatchSink {
  void Push(const service::WatchState& state) override { states.push_back(state); }
  void End(const service::Denial&) override {}
  std::vector<service::WatchState> states;
};

struct Stream {
  std::shared_ptr<RecordingSink> sink = std::make_shared<RecordingSink>();
  service::ChangeHub::WatchId id = 0;
  std::size_t pushes() const { return sink->states.size(); }
};

Stream Open(PodWorld& world, const service::IssuedAgentSvid& agent) {
  Stream stream;
  stream.id = world.hub.Open(agent.id, agent.svid.not_after, stream.sink);
  return stream;
}

}  // namespace

TEST_CASE("a pod that appears is told to the agent of its node alone, at once") {
  PodWorld world;
  const Stream one = Open(world, world.AttestNode("node-1"));
  const Stream two = Open(world, world.AttestNode("node-2"));
  const Stream joined = Open(world, world.Attest("join"));
  const std::size_t before_two = two.pushes();
  const std::size_t before_joined = joined.pushes();
  const std::size_t before = one.pushes();
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  CHECK(world.wakes == 1);
  CHECK(one.pushes() == before);
  world.news.Flush();
  REQUIRE(one.pushes() == before + 1);
  CHECK(one.sink->states.back().revision > one.sink->states[before - 1].revision);
  CHECK(two.pushes() == before_two);
  CHECK(joined.pushes() == before_joined);

  world.cluster.pods.Remove("uid-web-1");
  world.news.Flush();
  CHECK(one.pushes() == before + 2);
  CHECK(two.pushes() == before_two);
}

TEST_CASE("a burst of pods costs each agent one push") {
  PodWorld world;
  const Stream one = Open(world, world.AttestNode("node-1"));
  const Stream two = Open(world, world.AttestNode("node-2"));
  const std::size_t before_one = one.pushes();
  const std::size_t before_two = two.pushes();
  std::vector<kubernetes::Pod> pods;
  for (int i = 0; i < 10'000; ++i) {
    pods.push_back(PodOn(i % 2 == 0 ? "node-1" : "node-2", "web-" + std::to_string(i)));
  }
  world.cluster.pods.ReplaceAll(pods);
  world.news.Flush();
  CHECK(one.pushes() == before_one + 1);
  CHECK(two.pushes() == before_two + 1);
  world.cluster.pods.ReplaceAll(pods);
  world.news.Flush();
  CHECK(one.pushes() == before_one + 1);
}

TEST_CASE("revisions rise over changes of pods and of the registry in any order") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  const Stream stream = Open(world, agent);
  for (int i = 0; i < 5; ++i) {
    world.cluster.pods.Put(PodOn("node-1", "web-" + std::to_string(i)));
    world.news.Flush();
    world.Create(test::EntryOf("/entry-" + std::to_string(i), agent.id.path()));
  }
  const auto& states = stream.sink->states;
  REQUIRE(states.size() == 11);
  for (std::size_t i = 1; i < states.size(); ++i) {
    CHECK(states[i].revision > states[i - 1].revision);
  }
}

TEST_CASE("an agent that attests from another node follows that node's pods") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  const Stream stream = Open(world, agent);
  REQUIRE_OK(world.registry->Transact([&]() -> Result<std::vector<store::Write>> {
    store::Agent record = *world.registry->FindAgent(agent.id);
    record.selectors[0] = {"k8s_psat", "agent_node_name:node-2"};
    return std::vector<store::Write>{store::PutAgent{record}};
  }));
  const std::size_t before = stream.pushes();
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  world.news.Flush();
  CHECK(stream.pushes() == before);
  world.cluster.pods.Put(PodOn("node-2", "web-2"));
  world.news.Flush();
  CHECK(stream.pushes() == before + 1);
}

TEST_CASE("a stream that has ended is told nothing more") {
  PodWorld world;
  const auto agent = world.AttestNode("node-1");
  const Stream closed = Open(world, agent);
  const Stream open = Open(world, agent);
  world.hub.Close(closed.id);
  world.cluster.pods.Put(PodOn("node-1", "web-1"));
  world.news.Flush();
  CHECK(closed.pushes() == 1);
  CHECK(open.pushes() == 2);
  REQUIRE_OK(world.agents.Ban(test::IdOf(agent.id.path())));
  world.cluster.pods.Remove("uid-web-1");
  world.news.Flush();
  CHECK(open.pushes() == 2);
}
