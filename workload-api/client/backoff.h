#pragma once

#include <chrono>

#include "core/base/clock.h"
#include "core/base/random.h"

namespace signet::client {

/// Backoff gives the pauses between attempts: they double from `min` to `max`, each shortened by up
/// to half at random, so that the workloads of a node do not come back to a restarted agent in
/// step. Not safe for several threads.
class Backoff {
 public:
  struct Limits {
    Duration min = std::chrono::milliseconds(50);
    Duration max = std::chrono::seconds(5);
  };
  /// random must outlive this object; min ≤ max.
  Backoff(Limits limits, Random& random) : limits_(limits), random_(random) {}

  Duration Next();
  void Reset() { ceiling_ = Duration::zero(); }

 private:
  Limits limits_;
  Random& random_;
  Duration ceiling_ = Duration::zero();
};

}  // namespace signet::client
