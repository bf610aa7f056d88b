#include "workload-api/kubelet/pods_watch.h"

#include <algorithm>
#include <utility>

#include "core/base/ticker.h"
#include "workload-api/kubelet/pod_decode.h"

namespace signet::kubelet {
namespace {

constexpr Duration kFirstBackoff = std::chrono::milliseconds(500);
constexpr Duration kLastBackoff = std::chrono::seconds(30);
constexpr std::size_t kMaxPods = 10'000;

class PodsApiFeed final : public PodFeed {
 public:
  PodsApiFeed(std::unique_ptr<PodsClient> client, Logger& logger, PodSink sink)
      : watch_(std::move(client), logger, std::move(sink)),
        ticker_([this] { return watch_.Step(); }) {}
  ~PodsApiFeed() override { watch_.Stop(); }
  bool IsAsOf(MonoTime) const override { return watch_.IsLive(); }
  void Refresh() override {}
  std::string Problem() const override { return watch_.Problem(); }

 private:
  PodsWatch watch_;
  Ticker ticker_;  // last: ends before what it runs
};

}  // namespace

PodsWatch::PodsWatch(std::unique_ptr<PodsClient> client, Logger& logger, PodSink sink)
    : client_(std::move(client)),
      logger_(logger),
      sink_(std::move(sink)),
      backoff_(kFirstBackoff) {}

bool PodsWatch::IsLive() const {
  const std::lock_guard lock(mutex_);
  return live_;
}

std::string PodsWatch::Problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void PodsWatch::Stop() { client_->Stop(); }

Duration PodsWatch::Step() {
  first_.clear();
  Note(client_->Watch([this](const PodEvent& event) { Take(event); }));
  const Duration wait = backoff_;
  backoff_ = std::min(2 * backoff_, kLastBackoff);
  return wait;
}

void PodsWatch::Take(const PodEvent& event) {
  if (event.kind == PodEvent::Kind::kDeleted) {
    Remove(event.pod);
    return;
  }
  if (event.kind == PodEvent::Kind::kSet) {
    Set(event.pod);
    return;
  }
  sink_.index.ReplaceAll(std::exchange(first_, {}));
  backoff_ = kFirstBackoff;
  {
    const std::lock_guard lock(mutex_);
    live_ = true;
    problem_.clear();
  }
  logger_.Info("watching this node's pods by the kubelet's Pods API",
               {{"pods", sink_.index.size()}});
  sink_.told();
}

void PodsWatch::Set(std::string_view bytes) {
  Result<kubernetes::Pod> pod = DecodePod(bytes);
  if (!pod.ok()) {
    logger_.Warn("the kubelet tells of a pod of no known form", {{"error", pod.error()}});
    Remove(bytes);  // what was known of it holds no longer
    return;
  }
  if (IsLive()) {
    sink_.index.Put(std::move(*pod));
  } else if (first_.size() < kMaxPods) {
    first_.push_back(std::move(*pod));
  }
}

void PodsWatch::Remove(std::string_view bytes) {
  const Result<std::string> uid = DecodePodUid(bytes);
  if (!uid.ok()) {
    return;
  }
  std::erase_if(first_, [&](const kubernetes::Pod& pod) { return pod.uid == *uid; });
  if (IsLive()) {
    sink_.index.Remove(*uid);
  }
}

void PodsWatch::Note(const Status& end) {
  if (end.code() == Code::kCancelled) {
    return;
  }
  const std::string problem = "the kubelet's Pods API is not to be had: " +
                              (end.ok() ? std::string("it ended the stream") : end.error().message);
  bool is_new = false;
  {
    const std::lock_guard lock(mutex_);
    live_ = false;
    is_new = problem != problem_;
    problem_ = problem;
  }
  if (is_new) {
    logger_.Warn("cannot learn this node's pods", {{"error", problem}});
  }
  sink_.told();
}

std::unique_ptr<PodFeed> MakePodsApiFeed(std::unique_ptr<PodsClient> client, Logger& logger,
                                         PodSink sink) {
  return std::make_unique<PodsApiFeed>(std::move(client), logger, std::move(sink));
}

}  // namespace signet::kubelet
