#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>

#include "ca/service/change_hub.h"

namespace signet::service {

/// PodNews carries changes of pods to the agents of their nodes. A cluster's thread only notes the
/// nodes; Flush, on another thread, tells the hub of all that came together: a burst of pods costs
/// each agent one push. Safe for several threads.
class PodNews {
 public:
  /// wake makes somebody call Flush soon; it must not block.
  PodNews(ChangeHub& hub, std::function<void()> wake) : hub_(hub), wake_(std::move(wake)) {}

  void OnPods(const std::string& cluster, const std::set<std::string>& nodes);
  void Flush();

 private:
  ChangeHub& hub_;
  const std::function<void()> wake_;
  std::mutex mutex_;
  std::set<std::string> pending_;  ///< NodeKeys, guarded by mutex_
};

}  // namespace signet::service
