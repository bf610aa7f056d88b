#include "attestor/workload/k8s/pod_waits.h"

#include "tests/attestor/workload/k8s/fake_facts.h"
#include "tests/support/result.h"

namespace signet::attestor {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

kubernetes::Pod PodOf(const std::string& uid, const std::string& name = {}) {
  kubernetes::Pod pod;
  pod.uid = uid;
  pod.name = name;
  return pod;
}

struct World {
  FakeClock clock;
  test::FakeFacts facts;
  int wakes = 0;
  PodWaits waits{facts, {}, clock, [this] { ++wakes; }};
  int told = 0;

  std::shared_ptr<void> Watch(PodWaits::Seen seen) {
    return waits.Watch(std::move(seen), [this] { ++told; });
  }
  PodWaits::Seen Unknown() { return {.pod_uid = "a", .waits_for = ""}; }
};

TEST_CASE("with nobody waiting nothing is asked") {
  World world;
  CHECK(world.waits.Step() >= std::chrono::minutes(10));
  CHECK(world.facts.refreshes() == 0);
  CHECK(world.wakes == 0);
}

TEST_CASE("what is lacking is asked for at once, then at each interval, until it is given up") {
  World world;
  CHECK_FALSE(world.waits.Lacks("a", "").given_up);
  CHECK(world.wakes == 1);
  for (int i = 0; i < 10; ++i) {
    CHECK(world.waits.Step() == milliseconds(500));
    world.clock.Advance(milliseconds(500));
  }
  CHECK(world.facts.refreshes() == 10);
  world.waits.Step();
  CHECK(world.waits.Lacks("a", "").given_up);
  world.clock.Advance(milliseconds(500));
  world.waits.Step();
  CHECK_FALSE(world.waits.Lacks("a", "").given_up);  // asked for anew
  CHECK(world.facts.refreshes() == 10);
}

TEST_CASE("what was found is not asked for") {
  World world;
  world.waits.Lacks("a", "c");
  world.waits.Found("a", "c");
  world.waits.Step();
  CHECK(world.facts.refreshes() == 0);
}

TEST_CASE("a watcher is told once when its pod becomes known") {
  World world;
  world.waits.Lacks("a", "");
  const auto handle = world.Watch(world.Unknown());
  world.facts.Put(PodOf("b"));
  CHECK(world.told == 0);
  world.facts.Put(PodOf("a"));
  CHECK(world.told == 1);
  world.facts.Put(PodOf("a", "other"));
  CHECK(world.told == 1);
}

TEST_CASE("a watcher of a known pod is told when it changes and when it goes") {
  World world;
  world.facts.Put(PodOf("a"));
  auto handle = world.Watch({.pod_uid = "a", .pod = world.facts.Find("a")});
  CHECK(world.told == 0);
  SECTION("changes") { world.facts.Put(PodOf("a", "other")); }
  SECTION("goes") { world.facts.Remove("a"); }
  CHECK(world.told == 1);
}

TEST_CASE("a watcher whose answer is outdated already is told at once") {
  World world;
  world.facts.Put(PodOf("a"));
  CHECK(world.Watch({.pod_uid = "a", .pod = nullptr}) == nullptr);
  CHECK(world.told == 1);
}

TEST_CASE("a watcher is told when what it waits for is given up") {
  World world;
  world.waits.Lacks("a", "");
  const auto handle = world.Watch(world.Unknown());
  world.clock.Advance(seconds(5));
  world.waits.Step();
  CHECK(world.told == 1);
}

TEST_CASE("a watcher that comes after the giving up is told at once") {
  World world;
  world.waits.Lacks("a", "");
  world.clock.Advance(seconds(5));
  world.waits.Step();
  world.Watch(world.Unknown());
  CHECK(world.told == 1);
}

TEST_CASE(
    "a watcher that needs newer facts is told when they are here, though the pod is the same") {
  World world;
  world.facts.Put(PodOf("a"));
  world.facts.SetAsOf(world.clock.Mono() - seconds(1));
  const auto since = world.waits.Lacks("a", "c").since;
  const auto handle = world.Watch(
      {.pod_uid = "a", .pod = world.facts.Find("a"), .waits_for = "c", .needs_as_of = since});
  CHECK(world.told == 0);
  world.facts.SetAsOf(since);
  CHECK(world.told == 1);
}

TEST_CASE("a watcher that has gone is not told") {
  World world;
  world.Watch(world.Unknown()).reset();
  world.waits.Lacks("a", "");
  auto handle = world.Watch(world.Unknown());
  handle.reset();
  world.told = 0;
  world.facts.Put(PodOf("a"));
  CHECK(world.told == 0);
}

TEST_CASE("a handle may outlive the waits") {
  auto world = std::make_unique<World>();
  world->waits.Lacks("a", "");
  auto handle = world->Watch(world->Unknown());
  CHECK(handle.use_count() == 1);
  world.reset();
  handle.reset();  // reads nothing that is gone; AddressSanitizer judges
}

TEST_CASE("while a pod is watched its facts are renewed now and then") {
  World world;
  world.facts.Put(PodOf("a"));
  const auto handle = world.Watch({.pod_uid = "a", .pod = world.facts.Find("a")});
  CHECK(world.wakes == 1);
  CHECK(world.waits.Step() == seconds(10));
  CHECK(world.facts.refreshes() == 1);
  world.clock.Advance(seconds(4));
  CHECK(world.waits.Step() == seconds(6));
  CHECK(world.facts.refreshes() == 1);
  world.clock.Advance(seconds(6));
  world.waits.Step();
  CHECK(world.facts.refreshes() == 2);
}

}  // namespace
}  // namespace signet::attestor
