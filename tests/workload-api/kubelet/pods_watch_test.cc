#include "workload-api/kubelet/pods_watch.h"

#include "tests/support/result.h"
#include "tests/workload-api/kubelet/wire_pods.h"

namespace signet::kubelet {
namespace {

using std::chrono::milliseconds;
using test::kUid;
using test::WirePod;
using Kind = PodEvent::Kind;
using OnEvent = std::function<void(const PodEvent&)>;

/// FakeClient plays one stream each time.
class FakeClient final : public PodsClient {
 public:
  explicit FakeClient(std::function<Status(const OnEvent&)> play) : play_(std::move(play)) {}
  Status Watch(const OnEvent& on_event) override { return play_(on_event); }
  void Stop() override {}

 private:
  const std::function<Status(const OnEvent&)> play_;
};

struct World {
  std::function<Status(const OnEvent&)> play;
  MemoryLogger logger;
  kubernetes::PodIndex index;
  int told = 0;
  PodsWatch watch{
      std::make_unique<FakeClient>([this](const OnEvent& on_event) { return play(on_event); }),
      logger,
      {index, [this] { ++told; }}};
};

TEST_CASE("the first picture replaces the index when it is whole, then changes are applied") {
  World world;
  const std::string whole = WirePod("whole");
  const std::string gone = WirePod("gone");
  world.play = [&](const OnEvent& on_event) {
    on_event({Kind::kSet, whole});
    CHECK(world.index.size() == 0);
    CHECK_FALSE(world.watch.IsLive());
    on_event({Kind::kSynced});
    CHECK(world.index.Find(kUid) != nullptr);
    CHECK(world.watch.IsLive());
    CHECK(world.watch.Problem().empty());
    on_event({Kind::kDeleted, gone});
    CHECK(world.index.size() == 0);
    on_event({Kind::kSet, whole});
    CHECK(world.index.size() == 1);
    return Status(Unavailable("socket closed"));
  };
  world.watch.Step();
  CHECK(world.index.size() == 1);  // what is known stays
  CHECK_FALSE(world.watch.IsLive());
  CHECK_THAT(world.watch.Problem(), Catch::Contains("socket closed"));
  CHECK(world.told == 2);
}

TEST_CASE("what happened while there was no stream is made up for by the next picture") {
  World world;
  const std::string whole = WirePod("whole");
  world.play = [&](const OnEvent& on_event) {
    on_event({Kind::kSet, whole});
    on_event({Kind::kSynced});
    return Status();
  };
  world.watch.Step();
  CHECK(world.index.size() == 1);
  world.play = [&](const OnEvent& on_event) {
    on_event({Kind::kSynced});
    return Status();
  };
  world.watch.Step();
  CHECK(world.index.size() == 0);
}

TEST_CASE("a picture that is cut short changes nothing") {
  World world;
  const std::string whole = WirePod("whole");
  world.play = [&](const OnEvent& on_event) {
    on_event({Kind::kSet, whole});
    return Status(Unavailable("cut"));
  };
  world.watch.Step();
  world.play = [&](const OnEvent& on_event) {
    on_event({Kind::kSynced});
    return Status();
  };
  world.watch.Step();
  CHECK(world.index.size() == 0);
}

TEST_CASE("a pod that goes before the picture is whole is not in it") {
  World world;
  const std::string whole = WirePod("whole");
  const std::string gone = WirePod("gone");
  world.play = [&](const OnEvent& on_event) {
    on_event({Kind::kSet, whole});
    on_event({Kind::kDeleted, gone});
    on_event({Kind::kSynced});
    return Status();
  };
  world.watch.Step();
  CHECK(world.index.size() == 0);
}

TEST_CASE("a pod of no known form is no longer believed") {
  World world;
  const std::string whole = WirePod("whole");
  const std::string bad = WirePod("bad");
  world.play = [&](const OnEvent& on_event) {
    on_event({Kind::kSet, whole});
    on_event({Kind::kSynced});
    on_event({Kind::kSet, bad});
    return Status();
  };
  world.watch.Step();
  CHECK(world.index.size() == 0);
  CHECK(world.logger.Contains("no known form"));
}

TEST_CASE("a kubelet that is not there is asked ever less often, and said once") {
  World world;
  world.play = [](const OnEvent&) { return Status(Unavailable("connection refused")); };
  Duration last = {};
  for (int i = 0; i < 10; ++i) {
    const Duration wait = world.watch.Step();
    CHECK(wait >= last);
    CHECK(wait <= std::chrono::seconds(30));
    last = wait;
  }
  CHECK(last == std::chrono::seconds(30));
  CHECK(world.logger.Lines().size() == 1);
  world.play = [](const OnEvent& on_event) {
    on_event({Kind::kSynced});
    return Status();
  };
  CHECK(world.watch.Step() == milliseconds(500));
}

}  // namespace
}  // namespace signet::kubelet
