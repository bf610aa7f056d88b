#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ticker.h"
#include "workload-api/delivery/target.h"

namespace signet::delivery {

/// Health of a whole delivery.
struct Health {
  bool live = true;    ///< no step hangs
  bool ready = false;  ///< every target is
  bool well = false;   ///< every target is
  std::vector<TargetHealth> targets = {};
};

/// Driver runs each target on a thread of its own, so that a server that hangs delays no other.
class Driver {
 public:
  explicit Driver(std::vector<std::unique_ptr<Target>> targets);
  /// Lets the steps under way finish, side by side; starts none.
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  std::size_t size() const { return targets_.size(); }
  void Offer(std::size_t target, std::shared_ptr<const Material> material);
  void Lost(std::size_t target, const Error& why);
  Health GetHealth() const;

  /// WaitSettled returns once every target has been delivered or has failed once (true), or after
  /// the timeout. For deliveries that are to happen once.
  bool WaitSettled(Duration timeout) const;

 private:
  bool Settled() const;

  std::vector<std::unique_ptr<Target>> targets_;
  mutable std::mutex mutex_;
  mutable std::condition_variable stepped_;
  std::vector<std::unique_ptr<Ticker>> tickers_;  // last: they use the others and end first
};

}  // namespace signet::delivery
