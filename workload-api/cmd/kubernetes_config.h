#pragma once

#include <string>

namespace signet::agent_cmd {

/// K8sPsatConfig is the block plugins.NodeAttestor.k8s_psat: the agent attests by the service
/// account token of its own pod.
struct K8sPsatConfig {
  std::string cluster;  ///< what the server calls this cluster
  std::string token_path;
};

/// CsiConfig is the block csi: the agent is a CSI node driver that gives pods sockets of their own.
struct CsiConfig {
  std::string driver_name;  ///< metadata.name of the CSIDriver object
  std::string socket_path;
  std::string registration_dir;
  std::string pods_dir;
  std::string kubelet_dir;
  std::string node_name;
  std::string token_audience = {};  ///< empty: the only token that the kubelet sends
  bool verify_cgroup = false;
};

}  // namespace signet::agent_cmd
