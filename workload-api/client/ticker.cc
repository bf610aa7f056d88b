#include "workload-api/client/ticker.h"

#include <utility>

namespace signet::client {

Ticker::Ticker(Duration every, std::function<void()> tick)
    : every_(every), tick_(std::move(tick)), thread_([this] { Run(); }) {}

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
    changed_.wait_for(lock, every_, [this] { return woken_ || ending_; });
    if (ending_) {
      return;
    }
    woken_ = false;
    lock.unlock();
    tick_();
    lock.lock();
  }
}

}  // namespace signet::client
