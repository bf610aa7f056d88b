#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "attestor/kubernetes/tokens.h"
#include "ca/publish/bundle_config_map.h"
#include "ca/service/pod_policy.h"
#include "core/base/clock.h"

namespace signet::ca_cmd {

/// ClusterConfig is one Kubernetes cluster: what plugins.NodeAttestor.k8s_psat says of it (SPIRE's
/// keys) and what kubernetes.clusters adds.
struct ClusterConfig {
  std::string name;
  std::string kube_config_file = {};  ///< empty: the server runs in the cluster

  std::set<std::string> service_account_allow_list = {};
  std::set<std::string> allowed_node_label_keys = {};
  std::set<std::string> allowed_pod_label_keys = {};
  bool use_pod_uid_for_agent_id = false;

  std::string audience = {};
  bool remote = false;  ///< tokens are judged by the cluster's keys alone, and nothing is watched
  Duration max_token_age = Duration::zero();  ///< zero: unbounded
  std::string issuer = {};
  std::string jwks_path = {};
  kubernetes::TokenReuse token_reuse = kubernetes::TokenReuse::kAfterHalfLife;

  /// Which pods have an identity without registration; none: no pod.
  std::optional<service::PodPolicy> identities = {};
};

/// BundleConfigMapConfig: where the own bundle is published.
struct BundleConfigMapConfig {
  publish::ConfigMapRef ref;
  std::string kube_config_file = {};
};

/// KubernetesConfig is all that the server's configuration says of Kubernetes; empty: nothing.
struct KubernetesConfig {
  std::vector<ClusterConfig> clusters = {};
  std::optional<BundleConfigMapConfig> bundle_config_map = {};
};

}  // namespace signet::ca_cmd
