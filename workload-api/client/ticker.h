#pragma once

#include <functional>
#include <memory>

#include "core/base/clock.h"

namespace signet {
class Ticker;
}  // namespace signet

namespace signet::client {

/// Ticker calls a function again and again on a thread of its own, for programs that have no loop
/// to call Connections::Tick and IdentityWatch::Tick from.
class Ticker {
 public:
  /// The first tick comes at once. tick must not throw, and must not destroy the ticker.
  Ticker(Duration every, std::function<void()> tick);
  /// Waits for a tick that is running.
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  /// Wake makes the next tick come at once; X509SourceOptions::on_update is a good place.
  void Wake();

 private:
  std::unique_ptr<signet::Ticker> ticker_;
};

}  // namespace signet::client
