#pragma once

#include <optional>

#include "core/base/clock.h"
#include "workload-api/manager/node_keeper.h"
#include "workload-api/manager/upstream.h"
#include "workload-api/svids/cache.h"

namespace signet::manager {

/// Federation keeps what the agent has of foreign trust domains: the bundles of those that some
/// entry federates with, and the cross-certificates that our CA has made of their roots. One
/// thread.
class Federation {
 public:
  explicit Federation(Environment environment) : env_(environment) {}

  /// Sync fetches all of it; what arrives before a failure is kept.
  Answer<> Sync(svids::Cache& cache);
  /// TakeChanged tells, once, whether anything in the cache has changed since it was last asked.
  bool TakeChanged();

 private:
  Answer<> SyncBundles(svids::Cache& cache);
  Answer<> SyncCrossCertificates(svids::Cache& cache);

  Environment env_;
  bool changed_ = false;
  /// The server makes no cross-certificates; it is not asked again before.
  std::optional<MonoTime> unsupported_until_;
};

}  // namespace signet::manager
