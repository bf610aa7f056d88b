#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/rpc/methods.h"
#include "tests/ca/rpc/fake_call.h"
#include "tests/support/result.h"
#include "tests/workload-api/svids/entries.h"
#include "workload-api/rpc/workload_api.h"
#include "workload.pb.h"

namespace signet::agent_rpc::test {

using attestor::AttestedWorkload;
using namespace svids::test;

inline const spiffe::Selector kNs = {"k8s", "ns:shop"};
inline const spiffe::Selector kContainer = {"k8s", "container-name:app"};

/// FakeAttestor answers what a test wants and lets it say that the answer may have changed.
class FakeAttestor final : public attestor::WorkloadAttestor {
 public:
  Result<AttestedWorkload> Attest(const rpc::PeerProcess&) override {
    const std::lock_guard lock(mutex_);
    ++asked_;
    changed_state_.notify_all();
    return answer_;
  }
  void Answer(Result<AttestedWorkload> answer) {
    if (answer.ok()) {
      answer->watch = [this](std::function<void()> call) {
        const std::lock_guard lock(mutex_);
        watcher_ = std::move(call);
        changed_state_.notify_all();
        return std::make_shared<int>();
      };
    }
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  /// TellChange waits for a watcher and calls it.
  void TellChange() {
    std::function<void()> watcher;
    {
      std::unique_lock lock(mutex_);
      Wait(lock, [this] { return watcher_ != nullptr; });
      watcher.swap(watcher_);
    }
    watcher();
  }
  void WaitAsked(int times) {
    std::unique_lock lock(mutex_);
    Wait(lock, [&] { return asked_ >= times; });
  }
  int asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  template <class Condition>
  void Wait(std::unique_lock<std::mutex>& lock, const Condition& condition) {
    REQUIRE(changed_state_.wait_for(lock, std::chrono::seconds(20), condition));
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_state_;
  Result<AttestedWorkload> answer_ = AttestedWorkload{};
  std::function<void()> watcher_;
  int asked_ = 0;
};

inline AttestedWorkload InPod(std::vector<spiffe::Selector> selectors, std::string pending = {}) {
  AttestedWorkload workload{.selectors = std::move(selectors), .description = "pod shop/a"};
  workload.anchor = "pod 1";
  workload.pending = std::move(pending);
  return workload;
}

/// World has an identity for a pod and one for a container of it.
struct World {
  explicit World(WorkloadApiOptions options = {}) : api(hub, attestor, logger, options) {
    cache.SetEntries({pod, app});
    cache.PutSvid(pod, FakeSvid("pod"));
    cache.PutSvid(app, FakeSvid("app"));
    cache.SetBundle(FakeBundle("example.org", "root1"));
    Publish();
    api.AddTo(methods);
  }
  /// Open makes a call of a process on the Unix socket, with one request message.
  std::shared_ptr<signet::test::FakeCall> Open(
      const std::string& method = "/SpiffeWorkloadAPI/FetchX509SVID",
      const std::string& request = "") {
    auto process = std::make_shared<rpc::PeerProcess>();
    process->pid = 4711;
    auto peer = std::make_shared<rpc::Peer>();
    peer->process = std::move(process);
    return OpenFrom(std::move(peer), method, request);
  }
  std::shared_ptr<signet::test::FakeCall> OpenFrom(std::shared_ptr<const rpc::Peer> peer,
                                                   const std::string& method,
                                                   const std::string& request) {
    rpc::CallInfo info;
    info.method = method;
    info.peer = std::move(peer);
    auto call = std::make_shared<signet::test::FakeCall>(std::move(info));
    handlers.push_back((*methods.Find(call->info().method))(call));
    handlers.back()->OnMessage(request);
    handlers.back()->OnHalfClose();
    return call;
  }
  void Publish() { hub.Publish(cache.Take(kStart)); }
  ~World() {
    for (const auto& handler : handlers) {
      handler->OnDone();
    }
  }

  svids::Entry pod = MakeEntry("1-pod", "/pod", {kNs});
  svids::Entry app = MakeEntry("2-app", "/app", {kNs, kContainer});
  svids::Cache cache{Td()};
  svids::Hub hub{"starting"};
  FakeAttestor attestor;
  MemoryLogger logger;
  WorkloadApi api;
  rpc::MethodTable methods;
  std::vector<std::unique_ptr<rpc::CallHandler>> handlers;
};

inline std::vector<std::string> Ids(const std::string& message) {
  X509SVIDResponse response;
  REQUIRE(response.ParseFromString(message));
  std::vector<std::string> ids;
  for (const auto& svid : response.svids()) {
    ids.push_back(svid.spiffe_id());
  }
  return ids;
}

}  // namespace signet::agent_rpc::test
