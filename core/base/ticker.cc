#include "core/base/ticker.h"

namespace signet {

Ticker::Ticker(Step step) : step_(std::move(step)), thread_([this] { Run(); }) {}

Ticker::~Ticker() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Ticker::Wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void Ticker::Run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    woken_ = false;
    lock.unlock();
    const Duration wait = step_();
    lock.lock();
    changed_.wait_for(lock, wait, [this] { return ending_ || woken_; });
  }
}

}  // namespace signet
