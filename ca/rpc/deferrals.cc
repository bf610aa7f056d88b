#include "ca/rpc/deferrals.h"

#include <utility>

namespace signet::ca_rpc {

Deferrals::Deferrals(WorkerPool& pool, const Clock& clock, std::size_t max_waiting)
    : pool_(pool), clock_(clock), max_waiting_(max_waiting), thread_([this] { Run(); }) {}

Deferrals::~Deferrals() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool Deferrals::RunAfter(Duration wait, std::function<void()> task, std::function<void()> refused) {
  if (wait <= Duration::zero()) {
    return pool_.Submit(std::move(task));
  }
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= max_waiting_) {
      return false;
    }
    waiting_.emplace(clock_.Mono() + wait, Waiting{std::move(task), std::move(refused)});
  }
  changed_.notify_all();
  return true;
}

void Deferrals::Run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (waiting_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const Duration left = waiting_.begin()->first - clock_.Mono();
    if (left > Duration::zero()) {
      changed_.wait_for(lock, left);
      continue;
    }
    Waiting due = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    lock.unlock();
    if (!pool_.Submit(std::move(due.task))) {
      due.refused();
    }
    lock.lock();
  }
}

}  // namespace signet::ca_rpc
