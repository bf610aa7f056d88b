#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ca/cmd/kubernetes_config.h"
#include "core/base/result.h"
#include "core/config/schema.h"

namespace signet::ca_cmd {

/// SPIRE's block of what is attested, ours of all else, and where the bundle is published.
inline constexpr std::string_view kPsat = "plugins.NodeAttestor.k8s_psat.plugin_data.clusters";
inline constexpr std::string_view kOurs = "kubernetes.clusters";
inline constexpr std::string_view kNotifier = "plugins.Notifier.k8sbundle.plugin_data";

/// AddKubernetesOptions adds the rows of plugins.NodeAttestor.k8s_psat, plugins.Notifier.k8sbundle
/// and kubernetes.
void AddKubernetesOptions(std::vector<config::Option>& options);

/// KubernetesProblems finds what no single row shows, one problem an item, each with its place.
std::vector<std::string> KubernetesProblems(const config::Values& values);

/// KubernetesConfigOf reads values without problems.
Result<KubernetesConfig> KubernetesConfigOf(const config::Values& values);

}  // namespace signet::ca_cmd
