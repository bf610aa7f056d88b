#include "workload-api/svids/rotation.h"

#include <algorithm>

namespace signet::svids {

Duration Lifetime(const SvidTimes& times) {
  const Duration written = times.not_after - times.not_before;
  const Duration left = times.not_after - times.received_wall;
  // A node ahead of the CA sees certificates that have ended already; the CA's own figure is the
  // better guess then.
  return left <= Duration::zero() ? written : std::min(left, written);
}

Duration RenewIn(const SvidTimes& times, SystemTime now_wall, MonoTime now_mono) {
  const double fraction = 0.45 + 0.1 * times.jitter;
  const auto wanted = std::chrono::duration_cast<Duration>(Lifetime(times) * fraction);
  const Duration elapsed =
      std::max<Duration>(now_wall - times.received_wall, now_mono - times.received_mono);
  return wanted - elapsed;
}

}  // namespace signet::svids
