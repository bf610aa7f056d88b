#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "attestor/kubernetes/api.h"
#include "attestor/kubernetes/objects.h"
#include "attestor/kubernetes/tokens.h"

namespace signet::kubernetes {

/// ClusterOptions is how the CA sees one cluster.
struct ClusterOptions {
  std::string name = {};  ///< a SPIFFE path segment
  TokenRules rules = {};
  /// watch: keep an index of pods and nodes. Without it (remote mode) tokens are judged by the
  /// cluster's published keys, pods are known from their tokens alone, and rules.max_age must be
  /// set.
  bool watch = true;
  KeySetOptions keys = {};  ///< remote mode
  TokenReuse token_reuse = TokenReuse::kAfterHalfLife;
  /// The only labels of pods that FindPod, KnownPod and PodsOnNode tell. Nodes have all of theirs.
  std::set<std::string> pod_label_keys = {};
};

/// ClusterHealth for logs and health pages.
struct ClusterHealth {
  bool synced = false;       ///< the first lists have arrived
  bool watching = false;     ///< pods and nodes are being watched at this moment
  std::string problem = {};  ///< why not; names what to do (a missing right …)
  std::size_t pods = 0;
  std::size_t nodes = 0;
};

/// Cluster is one Kubernetes cluster as the CA sees it: token verdicts, and an index of pods and
/// nodes that a watch keeps fresh. Safe for several threads. Outages of the API server leave the
/// index as it is; `health` tells.
class Cluster {
 public:
  virtual ~Cluster() = default;
  virtual const std::string& name() const = 0;
  virtual bool watched() const = 0;

  /// VerifyToken blocks on the network (TokenVerifier).
  virtual Result<ServiceAccountToken> VerifyToken(std::string_view token) = 0;
  virtual TokenUses& token_uses() = 0;

  /// FindPod asks the index, and on a miss the API server once, if namespace and name are given.
  /// NOT_FOUND: there is no such pod, or its uid is another one. UNAVAILABLE: it could not be found
  /// out, for want of a right too. Blocks on a miss. In remote mode FAILED_PRECONDITION.
  virtual Result<PodPtr> FindPod(const PodRef& ref) = 0;
  /// FindNode: the same for a node.
  virtual Result<NodePtr> FindNode(std::string_view name) = 0;
  /// KnownPod and PodsOnNode ask the index alone and never block.
  virtual PodPtr KnownPod(std::string_view uid) const = 0;
  virtual std::vector<PodPtr> PodsOnNode(std::string_view node) const = 0;
  virtual NodePtr KnownNode(std::string_view name) const = 0;
  /// AddPodListener: before Start. Told of nodes whose pods have changed; must not block.
  virtual void AddPodListener(std::function<void(const std::set<std::string>& nodes)> listener) = 0;

  /// Start begins to watch, on threads of its own; it does not wait for the API server. Stop ends
  /// them.
  virtual void Start() = 0;
  virtual void Stop() = 0;
  virtual ClusterHealth health() const = 0;
};

/// NewCluster; clock and logger must outlive it.
std::unique_ptr<Cluster> NewCluster(ClusterOptions options, std::unique_ptr<Api> api,
                                    const Clock& clock, Logger& logger);

}  // namespace signet::kubernetes
