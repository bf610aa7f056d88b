#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "core/base/clock.h"
#include "workload-api/csi/pod.h"
#include "workload-api/csi/token_evidence.h"
#include "workload-api/manager/upstream.h"

namespace signet::csi {

/// PodTokens holds what is known of the pods that have a socket, and the newest token of each, in
/// memory alone. Safe for several threads.
class PodTokens {
 public:
  explicit PodTokens(const Clock& clock) : clock_(clock) {}

  void Know(const CsiPod& pod);
  /// Put keeps the token that ends last; true if it is a new one. The pod must be known.
  bool Put(const std::string& pod_uid, PodToken token);
  void Forget(const std::string& pod_uid);
  /// Find gives a copy of what is known; a token that has ended is left out.
  manager::PodFacts Find(const std::string& pod_uid) const;

 private:
  struct Known {
    std::string namespace_name;
    std::string name;
    PodToken token = {};
  };
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Known> pods_;
};

}  // namespace signet::csi
