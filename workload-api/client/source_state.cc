#include "workload-api/client/source_state.h"

#include <utility>

namespace signet::client {

void SourceState::Publish(X509Snapshot snapshot) {
  {
    const std::lock_guard lock(mutex_);
    snapshot_.swap(snapshot);
    problem_.reset();
  }
  // The old snapshot, with its keys to wipe, ends here: outside the lock.
  changed_.notify_all();
}

void SourceState::Redact(Error why) {
  X509Snapshot old;
  const std::lock_guard lock(mutex_);
  snapshot_.swap(old);
  problem_ = std::move(why);
}

void SourceState::Note(Error why) {
  const std::lock_guard lock(mutex_);
  problem_ = std::move(why);
}

void SourceState::End(Error why) {
  {
    const std::lock_guard lock(mutex_);
    problem_ = std::move(why);
    ended_ = true;
  }
  changed_.notify_all();
}

X509Snapshot SourceState::Current() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

Error SourceState::Problem() const {
  const std::lock_guard lock(mutex_);
  return problem_ ? *problem_ : Unavailable("nothing has come from the Workload API yet");
}

Status SourceState::WaitUntilReady(MonoTime deadline) const {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return snapshot_ != nullptr || ended_; });
  if (snapshot_ != nullptr) {
    return {};
  }
  if (ended_) {
    return *problem_;
  }
  return Error{Code::kDeadlineExceeded,
               "no identity from the Workload API in time" +
                   (problem_ ? "; last problem: " + problem_->message : std::string())};
}

}  // namespace signet::client
