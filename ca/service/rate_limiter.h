#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ca/service/methods.h"
#include "core/base/clock.h"
#include "core/base/result.h"

namespace signet::service {

struct RateLimits {
  bool attestation = true;  ///< 1 per second
  bool signing = true;      ///< 500 per second: CSR, JWT, WIT
  /// A call may wait this long for its tokens; more is RESOURCE_EXHAUSTED at once, so that callers
  /// behind one address cannot pile up without end.
  Duration max_wait = std::chrono::seconds(30);
};

/// RateLimiter holds one token bucket for each (bucket, client address) (spire-api §4): rate equals
/// burst, tokens are taken in advance. It never waits itself. Safe for several threads.
class RateLimiter {
 public:
  RateLimiter(RateLimits limits, const Clock& clock) : limits_(limits), clock_(clock) {}

  /// Reserve takes `count` tokens and says how long the caller must wait before it goes on (zero:
  /// not at all). RESOURCE_EXHAUSTED, and nothing taken, if the count is above the burst or the
  /// wait above `deadline` or max_wait.
  Result<Duration> Reserve(Bucket bucket, std::string_view address, std::size_t count,
                           Duration deadline);
  /// Prune forgets buckets that are full again.
  void Prune();

  /// BucketKey is the address that a bucket belongs to: an IPv4 address, or the /64 network of an
  /// IPv6 one, since a host has all addresses of it.
  static std::string BucketKey(std::string_view address);

 private:
  struct State {
    double tokens;
    MonoTime at;
  };
  double RateOf(Bucket bucket) const;  ///< 0: not limited
  static double Refilled(const State& state, double rate, MonoTime now);
  void PruneLocked(Bucket bucket, MonoTime now);

  const RateLimits limits_;
  const Clock& clock_;
  std::mutex mutex_;
  std::array<std::unordered_map<std::string, State>, 7> states_;  ///< by Bucket
};

}  // namespace signet::service
