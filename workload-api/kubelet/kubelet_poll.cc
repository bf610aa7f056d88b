#include "workload-api/kubelet/kubelet_poll.h"

#include <utility>

#include "attestor/kubernetes/object_codec.h"
#include "core/base/ticker.h"

namespace signet::kubelet {
namespace {

constexpr Duration kIdle = std::chrono::hours(1);
constexpr std::size_t kMaxQuote = 200;

/// Refusal explains an answer that is no list. The kubelet writes plain text, not a Status.
Error Refusal(const kubernetes::ApiResponse& response) {
  const std::string said = ": " + response.body.substr(0, kMaxQuote);
  if (response.status == 401) {
    return Unauthenticated(
        "the kubelet does not accept our credential (401); it must run with "
        "--authentication-token-webhook, and token_path must name a fresh token" +
        said);
  }
  if (response.status == 403) {
    return PermissionDenied(
        "the kubelet refuses to list its pods (403); grant the agent's service account \"get\" on "
        "\"nodes/pods\" (before Kubernetes 1.33: \"nodes/proxy\")" +
        said);
  }
  return Unavailable("the kubelet answered " + std::to_string(response.status) + " to GET /pods" +
                     said);
}

class KubeletFeed final : public PodFeed {
 public:
  KubeletFeed(KubeletFeedOptions options, const Clock& clock, Logger& logger, PodSink sink)
      : api_(std::move(options.api)),
        poll_({*api_, clock, logger, [this] { Wake(); }}, options.interval, std::move(sink)) {
    poll_.Refresh();  // a right that is missing shows in the log at once, not with the first pod
    const std::lock_guard lock(mutex_);
    ticker_ = std::make_unique<Ticker>([this] { return poll_.Step(); });
  }
  ~KubeletFeed() override {
    std::unique_ptr<Ticker> ended;
    const std::lock_guard lock(mutex_);
    ended.swap(ticker_);
  }
  bool IsAsOf(MonoTime time) const override { return poll_.IsAsOf(time); }
  void Refresh() override { poll_.Refresh(); }
  std::string Problem() const override { return poll_.Problem(); }

 private:
  void Wake() {
    const std::lock_guard lock(mutex_);
    if (ticker_ != nullptr) {
      ticker_->Wake();
    }
  }

  const std::unique_ptr<kubernetes::Api> api_;
  KubeletPoll poll_;
  std::mutex mutex_;
  std::unique_ptr<Ticker> ticker_;
};

}  // namespace

KubeletPoll::KubeletPoll(World world, Duration interval, PodSink sink)
    : world_(std::move(world)), interval_(interval), sink_(std::move(sink)) {}

bool KubeletPoll::IsAsOf(MonoTime time) const {
  const std::lock_guard lock(mutex_);
  return as_of_ && *as_of_ >= time;
}

void KubeletPoll::Refresh() {
  {
    const std::lock_guard lock(mutex_);
    if (wished_) {
      return;
    }
    wished_ = true;
  }
  world_.wake();
}

std::string KubeletPoll::Problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

Duration KubeletPoll::Step() {
  const MonoTime now = world_.clock.Mono();
  {
    const std::lock_guard lock(mutex_);
    if (!wished_) {
      return kIdle;
    }
    if (last_ && now < *last_ + interval_) {
      return *last_ + interval_ - now;
    }
    wished_ = false;
    last_ = now;
  }
  Note(Ask(), now);
  sink_.told();
  return Duration::zero();  // somebody may have wished meanwhile
}

Status KubeletPoll::Ask() {
  SIGNET_TRY_ASSIGN(const kubernetes::ApiResponse response, world_.api.Do({.path = "/pods"}));
  if (response.status != 200) {
    return Refusal(response);
  }
  SIGNET_TRY_ASSIGN(auto page, kubernetes::ParsePodList(response.body, kubernetes::PodDetail::kFull)
                                   .Context("the kubelet's list of pods"));
  if (page.malformed > 0) {
    world_.logger.Warn("the kubelet lists pods of no known form", {{"count", page.malformed}});
  }
  sink_.index.ReplaceAll(std::move(page.items));
  return {};
}

void KubeletPoll::Note(const Status& outcome, MonoTime began) {
  const std::string problem = outcome.ok() ? "" : outcome.error().message;
  bool is_new = false;
  {
    const std::lock_guard lock(mutex_);
    is_new = problem != problem_;
    problem_ = problem;
    if (outcome.ok()) {
      as_of_ = began;
    }
  }
  if (!is_new) {
    return;
  }
  if (outcome.ok()) {
    world_.logger.Info("the kubelet lists its pods again");
  } else {
    world_.logger.Warn("cannot learn this node's pods", {{"error", problem}});
  }
}

std::unique_ptr<PodFeed> MakeKubeletFeed(KubeletFeedOptions options, const Clock& clock,
                                         Logger& logger, PodSink sink) {
  return std::make_unique<KubeletFeed>(std::move(options), clock, logger, std::move(sink));
}

}  // namespace signet::kubelet
