#pragma once

#include <memory>
#include <string>

#include "attestor/kubernetes/api.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "workload-api/kubelet/pod_feed.h"

namespace signet::kubelet {

struct ApiServerFeedOptions {
  std::unique_ptr<kubernetes::Api> api;
  std::string node_name;  ///< only its pods are asked for
};

/// MakeApiServerFeed keeps the index by a watch at the API server. The right to watch pods cannot
/// be limited to one node's, so the kubelet is the better source where it can be had. Clock, random
/// and logger must outlive it.
struct ApiServerWorld {
  const Clock& clock;
  Random& random;
  Logger& logger;
};
std::unique_ptr<PodFeed> MakeApiServerFeed(ApiServerFeedOptions options,
                                           const ApiServerWorld& world, PodSink sink);

}  // namespace signet::kubelet
