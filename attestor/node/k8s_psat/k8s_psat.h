#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "attestor/kubernetes/cluster.h"
#include "attestor/node/prover.h"
#include "attestor/node/verifier.h"
#include "core/base/clock.h"

namespace signet::attestor {

inline constexpr std::string_view kK8sPsatType = "k8s_psat";

/// kK8sPsatTokenPath is where stock agents look for their token.
inline constexpr std::string_view kK8sPsatTokenPath = "/var/run/secrets/tokens/spire-agent";

/// K8sPsatCluster is what the server allows of one cluster (spire-api §9).
struct K8sPsatCluster {
  kubernetes::Cluster* cluster = nullptr;            ///< must outlive the verifier
  std::set<std::string> service_account_allow_list;  ///< "namespace:name"
  std::set<std::string> allowed_node_label_keys = {};
  std::set<std::string> allowed_pod_label_keys = {};  ///< also in ClusterOptions::pod_label_keys
  bool use_pod_uid_for_agent_id = false;
};

/// K8sPsatVerifier admits agents by the projected service account token of their pod. The agent's
/// ID is /spire/agent/k8s_psat/<cluster>/<node uid>, or …/<cluster>/pod/<pod uid>.
///
/// INVALID_ARGUMENT: malformed payload, or a cluster that is not configured. PERMISSION_DENIED: the
/// token is not believed, its service account not on the list, it has been used with another key,
/// or its pod may have no identity. UNAVAILABLE: the cluster cannot be asked; trying again may
/// help.
class K8sPsatVerifier final : public NodeVerifier {
 public:
  /// half_life is half the life of an agent's SVID: a token that was used with one key is not taken
  /// with another before that (TokenReuse).
  K8sPsatVerifier(std::map<std::string, K8sPsatCluster> clusters, Duration half_life,
                  const Clock& clock);

  std::string_view type() const override { return kK8sPsatType; }
  std::unique_ptr<NodeVerification> Begin(const NodeRequest& request) const override;

 private:
  const std::map<std::string, K8sPsatCluster> clusters_;
  const Duration half_life_;
  const Clock& clock_;
};

/// K8sPsatProver sends {"cluster", "token"}, the token read anew from its file each time: the
/// kubelet replaces it. Any file mode will do, since projected tokens are 0644 in many pods.
class K8sPsatProver final : public NodeProver {
 public:
  K8sPsatProver(std::string cluster, std::string token_path)
      : cluster_(std::move(cluster)), token_path_(std::move(token_path)) {}

  std::string_view type() const override { return kK8sPsatType; }
  Result<Secret> Payload() override;
  Result<Secret> Respond(ByteView challenge) override;
  Result<std::string> EvidenceDigest() override;

 private:
  const std::string cluster_;
  const std::string token_path_;
};

/// The node selectors that K8sPsatVerifier gives, as the CA reads them back from an agent's record.
struct K8sPsatNode {
  std::string cluster;
  std::string node_name;
  std::string node_uid;
};
/// ReadK8sPsatNode: nullopt unless the selectors are of an agent that k8s_psat has attested.
std::optional<K8sPsatNode> ReadK8sPsatNode(std::string_view attestation_type,
                                           const std::vector<spiffe::Selector>& selectors);

}  // namespace signet::attestor
