#include "workload-api/delivery/driver.h"

#include <algorithm>

namespace signet::delivery {

Driver::Driver(std::vector<std::unique_ptr<Target>> targets) : targets_(std::move(targets)) {
  for (const auto& target : targets_) {
    tickers_.push_back(std::make_unique<Ticker>([this, &target = *target] {
      const Duration wait = target.Step();
      const std::lock_guard lock(mutex_);  // or WaitSettled could look before and sleep after
      stepped_.notify_all();
      return wait;
    }));
  }
}

Driver::~Driver() {
  for (const auto& target : targets_) {
    target->Stop();
  }
  tickers_.clear();
}

void Driver::Offer(std::size_t target, std::shared_ptr<const Material> material) {
  targets_[target]->Offer(std::move(material));
  tickers_[target]->Wake();
}

void Driver::Lost(std::size_t target, const Error& why) { targets_[target]->Lost(why); }

Health Driver::GetHealth() const {
  Health health{.ready = !targets_.empty(), .well = true};
  for (const auto& target : targets_) {
    TargetHealth one = target->Health();
    health.live = health.live && !one.stuck;
    health.ready = health.ready && one.ready;
    health.well = health.well && one.well;
    health.targets.push_back(std::move(one));
  }
  return health;
}

bool Driver::Settled() const {
  return std::ranges::all_of(targets_, [](const auto& target) {
    const Condition condition = target->Health().condition;
    return condition != Condition::kWaitingForIdentity && condition != Condition::kDelivering;
  });
}

bool Driver::WaitSettled(Duration timeout) const {
  std::unique_lock lock(mutex_);
  return stepped_.wait_for(lock, timeout, [this] { return Settled(); });
}

}  // namespace signet::delivery
