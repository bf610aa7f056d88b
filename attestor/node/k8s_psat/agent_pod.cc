#include "attestor/node/k8s_psat/agent_pod.h"

#include <utility>

#include "attestor/kubernetes/object_codec.h"

namespace signet::attestor {
namespace {

using kubernetes::NodePtr;
using kubernetes::PodPtr;
using kubernetes::ServiceAccountToken;

constexpr std::string_view kCluster = "cluster:";
constexpr std::string_view kNodeName = "agent_node_name:";
constexpr std::string_view kNodeUid = "agent_node_uid:";

Result<PodPtr> FindPod(kubernetes::Cluster& cluster, const ServiceAccountToken& token) {
  auto pod = cluster.FindPod(
      {.uid = token.pod_uid, .namespace_name = token.namespace_name, .name = token.pod_name});
  if (pod.code() == Code::kNotFound) {
    return PermissionDenied("the pod that the token is bound to does not exist any more");
  }
  SIGNET_TRY(pod);
  const kubernetes::Pod& found = **pod;
  if (found.uid != token.pod_uid || found.namespace_name != token.namespace_name ||
      found.name != token.pod_name) {
    return PermissionDenied("the pod that the token is bound to is another one by now");
  }
  if (found.service_account != token.service_account) {
    return PermissionDenied("the pod that the token is bound to has another service account");
  }
  SIGNET_TRY(kubernetes::CheckMayHaveIdentity(found).Context("the agent's pod"));
  return pod;
}

Result<NodePtr> FindNode(kubernetes::Cluster& cluster, const std::string& name,
                         const ServiceAccountToken& token) {
  auto node = cluster.FindNode(name);
  if (node.code() == Code::kNotFound) {
    return PermissionDenied("the node of the agent's pod does not exist any more");
  }
  SIGNET_TRY(node);
  if ((*node)->uid.empty()) {
    return PermissionDenied("the node of the agent's pod has no uid");
  }
  if ((!token.node_uid.empty() && token.node_uid != (*node)->uid) ||
      (!token.node_name.empty() && token.node_name != name)) {
    return PermissionDenied("the token was issued for another node than the agent's pod is on");
  }
  return node;
}

void AddLabels(std::vector<spiffe::Selector>& out, std::string_view kind,
               const kubernetes::Labels& labels, const std::set<std::string>& allowed) {
  for (const auto& [key, value] : labels) {
    if (allowed.contains(key)) {
      out.push_back({std::string(kK8sPsatType), std::string(kind) + ":" + key + ":" + value});
    }
  }
}

/// OnlyValue gives what follows a prefix, if exactly one selector begins with it.
std::optional<std::string> OnlyValue(const std::vector<spiffe::Selector>& selectors,
                                     std::string_view prefix) {
  std::optional<std::string> out;
  for (const spiffe::Selector& selector : selectors) {
    if (selector.type != kK8sPsatType || !selector.value.starts_with(prefix)) {
      continue;
    }
    if (out) {
      return std::nullopt;
    }
    out = selector.value.substr(prefix.size());
  }
  return out && !out->empty() ? out : std::nullopt;
}

}  // namespace

Result<AgentPod> FindAgentPod(kubernetes::Cluster& cluster, const ServiceAccountToken& token) {
  SIGNET_TRY_ASSIGN(const PodPtr pod, FindPod(cluster, token));
  SIGNET_TRY_ASSIGN(const NodePtr node, FindNode(cluster, pod->node_name, token));
  return AgentPod{.namespace_name = pod->namespace_name,
                  .service_account = pod->service_account,
                  .name = pod->name,
                  .uid = pod->uid,
                  .node_name = node->name,
                  .node_uid = node->uid,
                  .node_ip = pod->host_ip,
                  .node_labels = node->labels,
                  .pod_labels = pod->labels};
}

AgentPod AgentPodFromToken(const ServiceAccountToken& token) {
  return {.namespace_name = token.namespace_name,
          .service_account = token.service_account,
          .name = token.pod_name,
          .uid = token.pod_uid,
          .node_name = token.node_name,
          .node_uid = token.node_uid,
          .node_ip = {},
          .node_labels = {},
          .pod_labels = {}};
}

Result<std::string> AgentPath(const K8sPsatCluster& cluster, const AgentPod& pod) {
  const std::string base =
      "/spire/agent/" + std::string(kK8sPsatType) + "/" + cluster.cluster->name() + "/";
  if (cluster.use_pod_uid_for_agent_id) {
    return base + "pod/" + pod.uid;
  }
  if (pod.node_uid.empty()) {
    return PermissionDenied(
        "the token does not say on which node its pod is (Kubernetes before 1.30); have agents "
        "named by their pod's uid instead");
  }
  return base + pod.node_uid;
}

std::vector<spiffe::Selector> AgentSelectors(const K8sPsatCluster& cluster, const AgentPod& pod) {
  const std::pair<std::string_view, const std::string&> facts[] = {
      {kCluster, cluster.cluster->name()}, {"agent_ns:", pod.namespace_name},
      {"agent_sa:", pod.service_account},  {"agent_pod_name:", pod.name},
      {"agent_pod_uid:", pod.uid},         {"agent_node_ip:", pod.node_ip},
      {kNodeName, pod.node_name},          {kNodeUid, pod.node_uid},
  };
  std::vector<spiffe::Selector> out;
  for (const auto& [kind, value] : facts) {
    if (!value.empty()) {
      out.push_back({std::string(kK8sPsatType), std::string(kind) + value});
    }
  }
  AddLabels(out, "agent_node_label", pod.node_labels, cluster.allowed_node_label_keys);
  AddLabels(out, "agent_pod_label", pod.pod_labels, cluster.allowed_pod_label_keys);
  return out;
}

std::optional<K8sPsatNode> ReadK8sPsatNode(std::string_view attestation_type,
                                           const std::vector<spiffe::Selector>& selectors) {
  if (attestation_type != kK8sPsatType) {
    return std::nullopt;
  }
  auto cluster = OnlyValue(selectors, kCluster);
  auto name = OnlyValue(selectors, kNodeName);
  auto uid = OnlyValue(selectors, kNodeUid);
  if (!cluster || !name || !uid) {
    return std::nullopt;
  }
  return K8sPsatNode{*std::move(cluster), *std::move(name), *std::move(uid)};
}

}  // namespace signet::attestor
