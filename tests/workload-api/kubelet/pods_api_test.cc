#include <condition_variable>
#include <mutex>

#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/kubelet/fake_kubelet.h"
#include "tests/workload-api/kubelet/wire_pods.h"
#include "workload-api/kubelet/pods_client.h"
#include "workload-api/kubelet/pods_watch.h"

namespace signet::kubelet {
namespace {

using test::FakeKubelet;
using test::kUid;
using test::WirePod;

/// Told counts changes of facts and lets a test wait for a condition on them.
class Told {
 public:
  void Tell() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  template <class Condition>
  bool Wait(const Condition& condition) {
    std::unique_lock lock(mutex_);
    // The period is for changes that happen between the question and the waiting.
    const auto end = std::chrono::seconds(20);
    for (auto waited = std::chrono::milliseconds(0); waited < end; waited += kPeriod) {
      if (condition()) {
        return true;
      }
      changed_.wait_for(lock, kPeriod);
    }
    return false;
  }

 private:
  static constexpr auto kPeriod = std::chrono::milliseconds(20);
  std::mutex mutex_;
  std::condition_variable changed_;
};

std::unique_ptr<attestor::PodFacts> OpenFacts(const std::string& socket, Logger& logger) {
  return MakePodFacts([&](PodSink sink) {
    return MakePodsApiFeed(OpenPodsClient(socket), logger, std::move(sink));
  });
}

TEST_CASE("pods come over the kubelet's socket, change and go") {
  const signet::test::TempDir dir;
  FakeKubelet kubelet(dir.File("pods-api.sock"), {WirePod("whole")});
  NullLogger logger;
  Told told;
  const auto facts = OpenFacts(dir.File("pods-api.sock"), logger);
  facts->SetListener([&] { told.Tell(); });
  REQUIRE(told.Wait([&] { return facts->Find(kUid) != nullptr; }));
  CHECK(facts->Find(kUid)->service_account == "frontend");
  CHECK(told.Wait([&] { return facts->IsAsOf(MonoTime::max()); }));
  kubelet.Send(v1alpha1::MODIFIED, WirePod("mirror"));
  CHECK(told.Wait([&] { return facts->Find(kUid)->mirror; }));
  kubelet.Send(v1alpha1::DELETED, WirePod("gone"));
  CHECK(told.Wait([&] { return facts->Find(kUid) == nullptr; }));
  facts->SetListener(nullptr);
}

TEST_CASE("a kubelet that comes late, or again, is found") {
  const signet::test::TempDir dir;
  const std::string socket = dir.File("pods-api.sock");
  NullLogger logger;
  Told told;
  const auto facts = OpenFacts(socket, logger);
  REQUIRE(told.Wait([&] { return facts->Problem().find(socket) != std::string::npos; }));
  CHECK_FALSE(facts->IsAsOf({}));
  {
    FakeKubelet kubelet(socket, {WirePod("whole")});
    kubelet.SetReady(false);
    REQUIRE(told.Wait([&] { return facts->Problem().find("initializing") != std::string::npos; }));
    kubelet.SetReady(true);
    REQUIRE(told.Wait([&] { return facts->IsAsOf({}); }));
  }
  REQUIRE(told.Wait([&] { return !facts->IsAsOf({}); }));
  CHECK(facts->Find(kUid) != nullptr);
  const FakeKubelet kubelet(socket, {WirePod("whole")});
  CHECK(told.Wait([&] { return facts->IsAsOf({}); }));
}

}  // namespace
}  // namespace signet::kubelet
