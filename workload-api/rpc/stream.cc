#include "workload-api/rpc/stream.h"

#include <utility>

namespace signet::agent_rpc {
namespace {

/// StreamHandler ties a Stream to its call's life.
class StreamHandler final : public rpc::CallHandler {
 public:
  StreamHandler(std::shared_ptr<WorkloadApi::Shared> shared, std::shared_ptr<Stream> stream,
                std::string account)
      : shared_(std::move(shared)), stream_(std::move(stream)), account_(std::move(account)) {}
  void OnMessage(std::string_view) override {}
  void OnHalfClose() override {}
  void OnDone() override {
    stream_->Over();
    shared_->counts.Leave(account_);
  }

 private:
  const std::shared_ptr<WorkloadApi::Shared> shared_;
  const std::shared_ptr<Stream> stream_;
  const std::string account_;
};

}  // namespace

StreamCounts::Entry StreamCounts::Enter(const std::string& account) {
  const std::lock_guard lock(mutex_);
  if (total_ >= options_.max_streams) {
    return Entry::kFull;
  }
  const auto found = by_account_.find(account);
  if ((found == by_account_.end() ? 0 : found->second) >= options_.max_streams_per_uid) {
    return Entry::kTooManyOfAccount;
  }
  ++total_;
  ++by_account_[account];
  return Entry::kAdmitted;
}

void StreamCounts::Leave(const std::string& account) {
  const std::lock_guard lock(mutex_);
  --total_;
  const auto of_account = by_account_.find(account);
  if (--of_account->second == 0) {
    by_account_.erase(of_account);
  }
}

Stream::Stream(std::shared_ptr<WorkloadApi::Shared> shared, std::shared_ptr<const Door> door,
               std::shared_ptr<rpc::Call> call, std::shared_ptr<StreamWriter> writer)
    : shared_(std::move(shared)),
      door_(std::move(door)),
      call_(std::move(call)),
      writer_(std::move(writer)) {}

void Stream::Begin() { Wake(); }

void Stream::WriteAgain() {
  {
    const std::lock_guard lock(mutex_);
    repeat_ = true;
  }
  Wake();
}

void Stream::Wake() {
  {
    const std::lock_guard lock(mutex_);
    again_ = true;
    if (over_ || busy_) {
      return;
    }
    busy_ = true;
  }
  Submit();
}

void Stream::Submit() {
  if (!shared_->pool.Submit([self = shared_from_this()] { self->Run(); })) {
    Finish(Unavailable("the agent is busy; try again"));  // EP-16
  }
}

void Stream::Run() {
  {
    const std::lock_guard lock(mutex_);
    again_ = false;
  }
  if (!call_->over()) {
    AttestAndServe();
  }
  {
    const std::lock_guard lock(mutex_);
    if (over_ || !again_) {
      busy_ = false;
      return;
    }
  }
  Submit();
}

void Stream::AttestAndServe() {
  const Result<attestor::AttestedWorkload> workload =
      door_->attestor->Attest(*call_->info().peer->process);
  if (!workload.ok()) {
    shared_->logger.Warn("workload not attested",
                         {{"pid", call_->info().peer->process->pid}, {"error", workload.error()}});
    Finish(workload.error());
    return;
  }
  if (!IsSameCaller(*workload)) {
    shared_->logger.Warn("workload changed under an open stream; the stream is ended",
                         {{"workload", workload->description}});
    Finish(PermissionDenied(
        "the calling process is no longer what it was when it opened this stream"));
    return;
  }
  if (workload->pending.empty()) {
    Serve(*workload);
  } else {
    shared_->logger.Debug("workload waits", {{"pid", call_->info().peer->process->pid},
                                             {"reason", workload->pending}});
  }
  KeepWatch(workload->watch);
}

bool Stream::IsSameCaller(const attestor::AttestedWorkload& workload) {
  if (!anchor_) {
    anchor_ = workload.anchor;
  }
  const bool by_selectors = workload.anchor.empty() && subscribed_;
  return *anchor_ == workload.anchor && (!by_selectors || *subscribed_ == workload.selectors);
}

void Stream::Serve(const attestor::AttestedWorkload& workload) {
  writer_->Attested(workload);
  if (subscribed_ && *subscribed_ == workload.selectors) {
    WriteNewest();
  } else {
    Subscribe(workload);
  }
}

void Stream::Subscribe(const attestor::AttestedWorkload& workload) {
  std::unique_ptr<svids::Hub::Subscription> former;  // ends outside of the lock, as all that follow
  std::optional<svids::Update> outdated;
  std::vector<std::shared_ptr<void>> deliveries;
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++subscription_number_;
    former.swap(subscription_);
    outdated.swap(pending_);
    deliveries.swap(deliveries_);
  }
  svids::Hub::Opened opened =
      shared_->hub.Subscribe(workload.selectors, writer_->topic(),
                             [weak = weak_from_this(), number](const svids::Update& update) {
                               if (const auto self = weak.lock()) {
                                 self->Take(number, update);
                               }
                             });
  if (opened.subscription == nullptr) {
    LogRefusal(workload, opened.first.status);
    Finish(opened.first.status);
    return;
  }
  subscribed_ = workload.selectors;
  written_ = {};
  {
    const std::lock_guard lock(mutex_);
    if (!over_) {
      subscription_.swap(opened.subscription);
    }
  }
  Write(opened.first);
}

void Stream::LogRefusal(const attestor::AttestedWorkload& workload, const Status& status) {
  if (status.code() == Code::kPermissionDenied) {
    shared_->logger.Info(
        "no identity issued",
        {{"workload", workload.description}, {"reason", shared_->hub.Explain(workload.selectors)}});
  }
}

void Stream::Take(std::uint64_t subscription, const svids::Update& update) {
  bool ends = false;
  {
    const std::lock_guard lock(mutex_);
    if (over_ || subscription != subscription_number_) {
      return;
    }
    ends = !update.status.ok();
    if (!ends) {
      if (pending_) {
        deliveries_.push_back(std::move(pending_->delivery));
      }
      pending_ = update;
    }
  }
  if (ends) {
    Finish(update.status);
    return;
  }
  Wake();
}

void Stream::WriteNewest() {
  std::optional<svids::Update> update;
  std::vector<std::shared_ptr<void>> deliveries;  // let go at the end: then the update is written
  bool repeat = false;
  {
    const std::lock_guard lock(mutex_);
    update.swap(pending_);
    deliveries.swap(deliveries_);
    repeat = std::exchange(repeat_, false);
  }
  if (update && update->version > written_.version) {
    Write(*update);
  } else if (repeat) {
    writer_->Write(written_);
  }
}

void Stream::Write(const svids::Update& update) {
  written_ = update;
  written_.delivery = nullptr;
  writer_->Write(written_);
}

void Stream::KeepWatch(const attestor::AttestedWorkload::Watch& watch) {
  std::shared_ptr<void> next;
  if (watch != nullptr) {
    next = watch([weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->Wake();
      }
    });
  }
  const std::lock_guard lock(mutex_);
  if (!over_) {
    watch_.swap(next);
  }
}

void Stream::Finish(const Status& status) { call_->Finish(rpc::RpcStatus::Of(status)); }

void Stream::Over() {
  std::unique_ptr<svids::Hub::Subscription> subscription;
  std::optional<svids::Update> pending;
  std::vector<std::shared_ptr<void>> deliveries;
  std::shared_ptr<void> watch;
  const std::lock_guard lock(mutex_);
  over_ = true;
  subscription.swap(subscription_);
  pending.swap(pending_);
  deliveries.swap(deliveries_);
  watch.swap(watch_);
}

std::optional<std::string> Admit(WorkloadApi::Shared& shared, const Door& door, rpc::Call& call) {
  const rpc::PeerProcess* const process = call.info().peer->process.get();
  if (process == nullptr) {
    call.Finish({Code::kPermissionDenied, "identities are served on a Unix socket alone"});
    return std::nullopt;
  }
  const bool by_uid = door.account.empty();
  std::string account = by_uid ? "uid:" + std::to_string(process->uid) : "door:" + door.account;
  switch (shared.counts.Enter(account)) {
    case StreamCounts::Entry::kAdmitted:
      return account;
    case StreamCounts::Entry::kFull:
      call.Finish({Code::kUnavailable, "the agent has all the streams it can carry; try again"});
      break;  // EP-16
    case StreamCounts::Entry::kTooManyOfAccount:
      call.Finish({Code::kResourceExhausted, by_uid ? "too many open streams of this user"
                                                    : "too many open streams on this socket"});
      break;
  }
  return std::nullopt;
}

std::unique_ptr<rpc::CallHandler> OpenStream(const std::shared_ptr<WorkloadApi::Shared>& shared,
                                             const std::shared_ptr<const Door>& door,
                                             const std::shared_ptr<rpc::Call>& call,
                                             std::shared_ptr<StreamWriter> writer) {
  std::optional<std::string> account = Admit(*shared, *door, *call);
  if (!account) {
    return nullptr;
  }
  auto stream = std::make_shared<Stream>(shared, door, call, std::move(writer));
  stream->Begin();
  return std::make_unique<StreamHandler>(shared, std::move(stream), *std::move(account));
}

}  // namespace signet::agent_rpc
