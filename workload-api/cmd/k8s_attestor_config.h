#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "attestor/workload/k8s/pod_waits.h"
#include "workload-api/kubelet/kubelet_endpoint.h"

namespace signet::agent_cmd {

/// PodSource is where the agent learns of its node's pods.
enum class PodSource : std::uint8_t { kKubelet, kPodsApi, kApiServer };

/// K8sAttestorConfig is the block plugins.WorkloadAttestor.k8s.
struct K8sAttestorConfig {
  PodSource source = PodSource::kKubelet;
  kubelet::KubeletEndpoint kubelet = {};
  std::string pods_api_socket = {};
  std::string kube_config_file = {};  ///< of the API server; empty: in-cluster
  attestor::PodWaitOptions waits = {};
  bool container_selectors = true;
  bool allow_ephemeral_containers = false;
  bool log_cgroups = false;
  std::vector<std::string> cgroup_roots = {};
  std::string cgroup_mount = {};  ///< empty: the usual places
};

}  // namespace signet::agent_cmd
