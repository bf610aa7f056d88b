#include "workload-api/client/backoff.h"

#include <algorithm>

namespace signet::client {

Duration Backoff::Next() {
  ceiling_ = std::clamp(ceiling_ * 2, limits_.min, limits_.max);
  const double share = 0.5 + random_.Uniform01() / 2;
  return Duration(static_cast<Duration::rep>(static_cast<double>(ceiling_.count()) * share));
}

}  // namespace signet::client
