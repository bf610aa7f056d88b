#include "workload-api/rpc/stream.h"

#include <utility>

namespace signet::agent_rpc {

bool StreamCounts::Enter(std::uint32_t uid) {
  const std::lock_guard lock(mutex_);
  std::size_t& of_uid = by_uid_[uid];
  if (total_ >= options_.max_streams || of_uid >= options_.max_streams_per_uid) {
    if (of_uid == 0) {
      by_uid_.erase(uid);
    }
    return false;
  }
  ++total_;
  ++of_uid;
  return true;
}

void StreamCounts::Leave(std::uint32_t uid) {
  const std::lock_guard lock(mutex_);
  --total_;
  const auto of_uid = by_uid_.find(uid);
  if (--of_uid->second == 0) {
    by_uid_.erase(of_uid);
  }
}

Stream::Stream(std::shared_ptr<WorkloadApi::Shared> shared, std::shared_ptr<rpc::Call> call,
               svids::Topic topic)
    : shared_(std::move(shared)), call_(std::move(call)), topic_(topic) {}

void Stream::Begin() {
  if (!shared_->pool.Submit([self = shared_from_this()] { self->AttestAndSubscribe(); })) {
    Finish(ResourceExhausted("the agent is busy; try again"));
  }
}

void Stream::AttestAndSubscribe() {
  if (call_->over()) {
    return;
  }
  Result<attestor::AttestedWorkload> workload =
      shared_->attestor.Attest(*call_->info().peer->process);
  if (!workload.ok()) {
    shared_->logger.Warn("workload not attested",
                         {{"pid", call_->info().peer->process->pid}, {"error", workload.error()}});
    Finish(std::move(workload).error());
    return;
  }
  selectors_ = workload->selectors;
  svids::Hub::Opened opened = shared_->hub.Subscribe(
      selectors_, topic_, [weak = weak_from_this()](const svids::Update& update) {
        if (const auto self = weak.lock()) {
          self->Take(update);
        }
      });
  if (opened.subscription == nullptr) {
    LogRefusal(*workload, opened.first.status);
    Finish(opened.first.status);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (!over_) {
      subscription_.swap(opened.subscription);
    }
  }
  // If the stream is over, the subscription ends here, outside the lock.
  WriteNewest(opened.first);
}

void Stream::LogRefusal(const attestor::AttestedWorkload& workload, const Status& status) {
  if (status.code() == Code::kPermissionDenied) {
    shared_->logger.Info(
        "no identity issued",
        {{"workload", workload.description}, {"reason", shared_->hub.Explain(workload.selectors)}});
  }
}

void Stream::Take(const svids::Update& update) {
  if (!update.status.ok()) {
    Finish(update.status);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (over_) {
      return;
    }
    if (pending_) {
      deliveries_.push_back(std::move(pending_->delivery));
    }
    pending_ = update;
    if (queued_) {
      return;
    }
    queued_ = true;
  }
  if (!shared_->pool.Submit([self = shared_from_this()] { self->AttestAgainAndWrite(); })) {
    Finish(Unavailable("the agent is busy; open the stream again"));
  }
}

void Stream::AttestAgainAndWrite() {
  std::optional<svids::Update> update;
  std::vector<std::shared_ptr<void>> deliveries;  // let go at the end: then the update is written
  {
    const std::lock_guard lock(mutex_);
    queued_ = false;
    update.swap(pending_);
    deliveries.swap(deliveries_);
  }
  if (!update || call_->over()) {
    return;
  }
  const Result<attestor::AttestedWorkload> workload =
      shared_->attestor.Attest(*call_->info().peer->process);
  if (!workload.ok()) {
    Finish(workload.error());
    return;
  }
  if (workload->selectors != selectors_) {
    shared_->logger.Warn("workload changed under an open stream; the stream is ended",
                         {{"workload", workload->description}});
    Finish(PermissionDenied(
        "the calling process is no longer what it was when it opened this stream"));
    return;
  }
  WriteNewest(*update);
}

void Stream::WriteNewest(const svids::Update& update) {
  const std::lock_guard lock(mutex_);  // orders the first state and an update that overtook it
  if (over_ || update.version <= written_version_) {
    return;
  }
  written_version_ = update.version;
  call_->WriteLatest(update.message);
}

void Stream::Finish(const Status& status) { call_->Finish(rpc::RpcStatus::Of(status)); }

void Stream::Over() {
  std::unique_ptr<svids::Hub::Subscription> subscription;
  std::optional<svids::Update> pending;
  std::vector<std::shared_ptr<void>> deliveries;
  const std::lock_guard lock(mutex_);
  over_ = true;
  subscription.swap(subscription_);
  pending.swap(pending_);
  deliveries.swap(deliveries_);
}

}  // namespace signet::agent_rpc
