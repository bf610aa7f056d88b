#pragma once

#include <map>
#include <string>
#include <vector>

#include "attestor/kubernetes/cluster.h"
#include "attestor/node/k8s_psat/k8s_psat.h"
#include "ca/service/context.h"
#include "ca/service/pod_policy.h"

namespace signet::service {

/// PodCluster is a cluster whose pods have identities without registration.
struct PodCluster {
  kubernetes::Cluster* cluster = nullptr;  ///< must outlive PodIdentities
  PodPolicy policy;
};

/// PodNode is where an agent runs, as its attestation has proven it.
struct PodNode {
  const PodCluster* cluster = nullptr;
  attestor::K8sPsatNode node;
};

/// PodIdentities derives an entry from each pod of a node, for the agent of that node (id
/// "k8s-pod.<uid>", selector k8s:pod-uid:<uid>). Nothing is stored: the pod index and the policy
/// are all there is, and what is gone from the index is gone from here.
///
/// A registration entry with the same SPIFFE ID that the agent is authorized for wins: the derived
/// one is then neither listed nor issued.
///
/// Safe for several threads; memory alone is read, nothing blocks.
class PodIdentities {
 public:
  /// clusters by name.
  PodIdentities(Context& context, std::map<std::string, PodCluster> clusters)
      : context_(context), clusters_(std::move(clusters)) {}

  /// EntriesOf lists the derived entries of the agent's node by pod uid; none for other agents.
  /// UNAVAILABLE until the first lists of the cluster and the node itself have arrived: an agent
  /// must not take "not known yet" for "gone" and end what its workloads have.
  Result<std::vector<EntryPtr>> EntriesOf(const store::Agent& agent) const;

  /// FindEntry gives the derived entry with this id, to issue it on the agent's word that it is
  /// asked for by that pod. PERMISSION_DENIED names the rule that stands in the way, among them a
  /// cluster that requires the pod's own token.
  Result<EntryPtr> FindEntry(const store::Agent& agent, const std::string& entry_id) const;
  static bool IsPodEntryId(const std::string& entry_id);

  /// NodeOf: PERMISSION_DENIED unless k8s_psat has attested the agent, in a cluster whose pods have
  /// identities.
  Result<PodNode> NodeOf(const store::Agent& agent) const;
  /// EntryFor judges a pod that is known to be on the agent's node by the cluster's policy.
  Result<EntryPtr> EntryFor(const store::Agent& agent, const PodNode& place,
                            const kubernetes::Pod& pod) const;

 private:
  store::Entry Derive(const store::Agent& agent, const PodCluster& cluster,
                      const kubernetes::Pod& pod, PodNames names) const;
  std::vector<spiffe::TrustDomain> Federated(const PodPolicy& policy) const;

  Context& context_;
  const std::map<std::string, PodCluster> clusters_;
};

/// CheckOnNode: PERMISSION_DENIED unless the pod runs on the agent's node, and that is still the
/// node that was attested (`node` is what the cluster has under its name; may be null).
Status CheckOnNode(const PodNode& place, const kubernetes::Pod& pod, const kubernetes::Node* node);

}  // namespace signet::service
