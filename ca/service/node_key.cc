#include "ca/service/node_key.h"

#include "attestor/node/k8s_psat/k8s_psat.h"

namespace signet::service {

std::string NodeKey(std::string_view cluster, std::string_view node_name) {
  return std::string(cluster) + "/" + std::string(node_name);
}

std::string NodeKeyOf(const store::Agent& agent) {
  const auto node = attestor::ReadK8sPsatNode(agent.attestation_type, agent.selectors);
  return node ? NodeKey(node->cluster, node->node_name) : std::string();
}

}  // namespace signet::service
