#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/config/schema.h"
#include "workload-api/cmd/kubernetes_config.h"

namespace signet::agent_cmd {

/// The rows of plugins.NodeAttestor.k8s_psat, which are SPIRE's, and of csi, which are ours.
std::vector<config::Option> KubernetesOptions();

/// CheckKubernetes finds what no single key of these blocks shows.
std::vector<std::string> CheckKubernetes(const config::Values& values);

/// ReadK8sPsat: nullopt without the block.
std::optional<K8sPsatConfig> ReadK8sPsat(const config::Values& values);

/// ReadCsi: nullopt unless it is enabled. get_env reads an environment variable, "" if it is not
/// set; host_name stands in for a node name that is not given.
std::optional<CsiConfig> ReadCsi(const config::Values& values,
                                 const std::function<std::string(const std::string&)>& get_env,
                                 const std::string& host_name);

}  // namespace signet::agent_cmd
