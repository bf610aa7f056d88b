#pragma once

#include <functional>
#include <memory>
#include <string>

#include "attestor/kubernetes/pod_index.h"
#include "attestor/workload/k8s/pod_facts.h"
#include "core/base/clock.h"

namespace signet::kubelet {

/// PodFeed keeps an index of this node's pods on threads of its own. Safe for several threads.
class PodFeed {
 public:
  /// Ends its threads.
  virtual ~PodFeed() = default;
  /// As PodFacts.
  virtual bool IsAsOf(MonoTime time) const = 0;
  virtual void Refresh() = 0;
  virtual std::string Problem() const = 0;
};

/// PodSink is what a feed fills. It alone may change the index.
struct PodSink {
  kubernetes::PodIndex& index;
  std::function<void()> told;  ///< to be called when IsAsOf may answer otherwise
};

/// MakePodFacts joins an index and the feed that keeps it.
std::unique_ptr<attestor::PodFacts> MakePodFacts(
    const std::function<std::unique_ptr<PodFeed>(PodSink)>& make_feed);

}  // namespace signet::kubelet
