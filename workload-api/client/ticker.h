#pragma once

#include <functional>

#include "core/base/clock.h"
#include "core/base/ticker.h"

namespace signet::client {

/// Ticker calls a function again and again on a thread of its own, for programs that have no loop
/// to call Connections::Tick and IdentityWatch::Tick from.
class Ticker {
 public:
  /// The first tick comes at once. tick must not throw, and must not destroy the ticker.
  Ticker(Duration every, std::function<void()> tick);
  /// Waits for a tick that is running.
  ~Ticker() = default;
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  /// Wake makes the next tick come at once; X509SourceOptions::on_update is a good place.
  void Wake();

 private:
  signet::Ticker ticker_;
};

}  // namespace signet::client
