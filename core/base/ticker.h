#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "core/base/clock.h"

namespace signet {

/// Ticker drives one pure step function from a thread of its own: it runs the step, waits as long as the step asked
/// (or until Wake), and runs it again. It owns no policy; tests call the step directly and never wait.
class Ticker {
 public:
  /// The step returns how long to wait before the next run. It runs first at once.
  using Step = std::function<Duration()>;

  explicit Ticker(Step step);
  /// Lets the running step finish, then joins.
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  /// Wake runs the step as soon as possible; several calls during one step count as one.
  void Wake();

 private:
  void Run();

  Step step_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace signet
