#include "ca/rpc/strand.h"

#include <utility>

namespace signet::ca_rpc {
namespace {

constexpr std::size_t kMaxSteps = 16;

}  // namespace

bool Strand::Post(std::function<void()> step) {
  {
    const std::lock_guard lock(mutex_);
    if (steps_.size() >= kMaxSteps) {
      return false;
    }
    steps_.push_back(std::move(step));
    if (running_) {
      return true;
    }
    running_ = true;
  }
  if (pool_.Submit([self = shared_from_this()] { self->Run(); })) {
    return true;
  }
  const std::lock_guard lock(mutex_);
  running_ = false;
  steps_.clear();
  return false;
}

void Strand::Run() {
  for (;;) {
    std::function<void()> step;
    {
      const std::lock_guard lock(mutex_);
      if (steps_.empty()) {
        running_ = false;
        return;
      }
      step = std::move(steps_.front());
      steps_.pop_front();
    }
    step();
  }
}

}  // namespace signet::ca_rpc
