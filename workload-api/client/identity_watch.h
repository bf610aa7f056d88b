#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "workload-api/client/x509_source.h"

namespace signet::client {

/// IdentityHealth is how it stands with our own default identity.
enum class IdentityHealth {
  kMissing,  ///< none came yet, or the agent took it away
  kGood,
  kExpiring,  ///< close to its end, and no renewal came
  kExpired,   ///< handshakes fail
};

struct IdentityWatchOptions {
  std::shared_ptr<const X509Provider> source;
  /// warn_before its end an identity counts as expiring. Null: when less than a quarter of its life
  /// is left; agents renew at half.
  std::optional<Duration> warn_before = {};
  /// on_change hears of every change, and of the first state unless it is kGood. The snapshot is
  /// null when the identity is missing. It runs within Tick, without a lock; must not throw.
  std::function<void(IdentityHealth, const X509Snapshot&)> on_change = {};
  const Clock* clock = nullptr;  ///< null: the machine's; else it must outlive the watch
};

/// IdentityWatch is the watchdog over our own identity: renewal that does not come shows long
/// before handshakes fail. Drive it by a Ticker or a loop of yours, one thread at a time.
class IdentityWatch {
 public:
  /// INVALID_ARGUMENT: no source, or a negative time.
  static Result<std::unique_ptr<IdentityWatch>> Create(IdentityWatchOptions options);

  void Tick();
  /// Health judges this moment; from any thread.
  IdentityHealth Health() const;

 private:
  explicit IdentityWatch(IdentityWatchOptions options) : options_(std::move(options)) {}
  IdentityHealth Judge(const X509Snapshot& snapshot) const;

  const IdentityWatchOptions options_;
  const RealClock real_clock_;
  IdentityHealth last_ = IdentityHealth::kGood;
};

}  // namespace signet::client
