#pragma once

// Private to attestor/node/k8s_psat.

#include <string>

#include "attestor/node/k8s_psat/k8s_psat.h"

namespace signet::attestor {

/// AgentPod is what is known of the pod that an agent runs in, and of its node.
struct AgentPod {
  std::string namespace_name;
  std::string service_account;
  std::string name;
  std::string uid;
  std::string node_name;
  std::string node_uid;
  std::string node_ip;  ///< may be empty
  kubernetes::Labels node_labels;
  kubernetes::Labels pod_labels;
};

/// FindAgentPod looks up the pod that a token is bound to, and its node, as they are in the cluster
/// now. PERMISSION_DENIED: they are gone, others than the token says, or may have no identity.
Result<AgentPod> FindAgentPod(kubernetes::Cluster& cluster,
                              const kubernetes::ServiceAccountToken& token);

/// AgentPodFromToken takes the token's word for it (remote mode).
AgentPod AgentPodFromToken(const kubernetes::ServiceAccountToken& token);

/// AgentPath is the path of the agent's SPIFFE ID. PERMISSION_DENIED if the node's uid is needed
/// and not known.
Result<std::string> AgentPath(const K8sPsatCluster& cluster, const AgentPod& pod);

/// AgentSelectors are all that spire-api §9 lists; of labels those that are allowed.
std::vector<spiffe::Selector> AgentSelectors(const K8sPsatCluster& cluster, const AgentPod& pod);

}  // namespace signet::attestor
