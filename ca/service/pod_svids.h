#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ca/service/pod_identities.h"
#include "ca/service/svids.h"

namespace signet::service {

/// PodSvidRequest is one item of Pods/BatchNewX509SVID, unchecked. CSR and token must outlive the
/// call.
struct PodSvidRequest {
  kubernetes::PodRef pod;
  ByteView csr;
  std::string_view token = {};  ///< of the pod's own service account; empty: none
};

/// PodSvid is an issued X509-SVID and the derived entry that it is for.
struct PodSvid {
  EntryPtr entry;
  issuance::IssuedSvid svid;
};

/// PodSvids issues the identities of pods to the agents of their nodes. Who a pod is comes from the
/// cluster, the ID from the policy, and from the request its public key alone.
///
///     who is the agent (node name and uid, by k8s_psat)
///     → who is the pod (index, or one live read; remote clusters: its token)
///     → on that node, alive, no mirror pod → policy → token, if there is one or has to be → sign
///
/// Safe for several threads. Asks the cluster, so it blocks and has a pool of its own: an API
/// server that does not answer must not hold up signing for others.
class PodSvids {
 public:
  PodSvids(Context& context, const PodIdentities& pods, const Svids& svids, WorkerPool& pool)
      : context_(context), pods_(pods), svids_(svids), pool_(pool) {}

  /// kMaxItems bounds a batch.
  static constexpr std::size_t kMaxItems = 500;
  /// BatchNewX509 judges every item on its own, in order. PERMISSION_DENIED names the rule that is
  /// not fulfilled, NOT_FOUND: no such pod, UNAVAILABLE: the cluster could not be asked.
  std::vector<Result<PodSvid>> BatchNewX509(const spiffe::SpiffeId& agent,
                                            std::span<const PodSvidRequest> requests);

 private:
  /// Proven is what is known of a pod once the cluster has vouched for it.
  struct Proven {
    EntryPtr entry;
    std::optional<kubernetes::ServiceAccountToken> token = {};
    std::optional<SystemTime> not_after = {};  ///< the SVID must not outlive this
  };
  /// Batch is what the items of one call share: once a cluster could not be asked, the items that
  /// would ask it again are UNAVAILABLE at once, and do not each wait for a time-out.
  struct Batch {
    const spiffe::SpiffeId& agent;
    std::atomic<bool> unreachable{false};
  };
  Result<PodSvid> NewX509(Batch& batch, const PodSvidRequest& request) const;
  Result<PodSvid> Issue(const Batch& batch, const store::Agent& agent,
                        const PodSvidRequest& request) const;
  /// ProveWatched knows pods by the cluster's index; ProveRemote by their tokens alone.
  Result<Proven> ProveWatched(const store::Agent& agent, const PodNode& place,
                              const PodSvidRequest& request) const;
  Result<Proven> ProveRemote(const store::Agent& agent, const PodNode& place,
                             const PodSvidRequest& request) const;

  Context& context_;
  const PodIdentities& pods_;
  const Svids& svids_;
  WorkerPool& pool_;
};

}  // namespace signet::service
