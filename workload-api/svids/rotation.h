#pragma once

#include "core/base/clock.h"

namespace signet::svids {

/// Times of one issued certificate: what the CA wrote, and when it came, on both clocks.
struct SvidTimes {
  SystemTime not_before;
  SystemTime not_after;
  SystemTime received_wall = {};
  MonoTime received_mono = {};
  double jitter = 0.5;  ///< [0, 1), drawn once; spreads renewals over half life ± 10 %
};

/// Lifetime is how long the certificate lives from its arrival. notBefore is backdated by the CA
/// and does not count, but bounds the answer when the clocks of CA and node disagree.
Duration Lifetime(const SvidTimes& times);

/// RenewIn is the time left until renewal is due, zero or less once it is. Half the lifetime, ± 10
/// % by the jitter. The clock that ran further decides: the wall clock runs on while the machine
/// sleeps, the monotonic one is not fooled by a wall clock that was set back.
Duration RenewIn(const SvidTimes& times, SystemTime now_wall, MonoTime now_mono);

}  // namespace signet::svids
