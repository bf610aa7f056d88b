#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/config/schema.h"
#include "workload-api/cmd/k8s_attestor_config.h"

namespace signet::agent_cmd {

/// The rows of plugins.WorkloadAttestor.k8s: SPIRE's keys, and ours for where pods are learnt from.
std::vector<config::Option> K8sAttestorOptions();

/// CheckK8sAttestor finds what no single key of the block shows.
std::vector<std::string> CheckK8sAttestor(const config::Values& values);

/// GetEnv reads an environment variable; empty if it is not set.
using GetEnv = std::function<std::string(const std::string& name)>;

/// ReadK8sAttestor: nullopt without the block. INVALID_ARGUMENT: what depends on the environment is
/// missing.
Result<std::optional<K8sAttestorConfig>> ReadK8sAttestor(const config::Values& values,
                                                         const GetEnv& get_env);

}  // namespace signet::agent_cmd
