#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "core/base/clock.h"

namespace signet::client {

/// Ticker calls a function again and again on a thread of its own, for programs that have no loop
/// to call Connections::Tick and IdentityWatch::Tick from.
class Ticker {
 public:
  /// tick must not throw, and must not destroy the ticker.
  Ticker(Duration every, std::function<void()> tick);
  /// Waits for a tick that is running.
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  /// Wake makes the next tick come at once; X509SourceOptions::on_update is a good place.
  void Wake();

 private:
  void Run();

  const Duration every_;
  const std::function<void()> tick_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  bool ending_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace signet::client
