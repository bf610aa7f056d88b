#include "attestor/node/k8s_psat/k8s_psat.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "attestor/node/k8s_psat/agent_pod.h"
#include "core/crypto/json_check.h"

namespace signet::attestor {
namespace {

using Json = nlohmann::json;
using kubernetes::ServiceAccountToken;

constexpr std::size_t kMaxDepth = 4;
constexpr std::size_t kMaxQuotedBytes = 64;

/// Payload is what an agent sends.
struct Payload {
  std::string cluster;
  std::string token;
};

Result<std::string> TextMember(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string() ||
      member->get_ref<const std::string&>().empty()) {
    return InvalidArgument(std::string("payload names no \"") + name + "\"");
  }
  return member->get<std::string>();
}

Result<Payload> ParsePayload(ByteView message) {
  if (message.size() > kMaxNodeEvidenceBytes) {
    return InvalidArgument("payload is longer than 64 KiB");
  }
  SIGNET_TRY(crypto::CheckJson(AsText(message), kMaxDepth).Context("payload"));
  const Json root = Json::parse(AsText(message), nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) {
    return InvalidArgument("payload is no JSON object");
  }
  Payload out;
  SIGNET_TRY_ASSIGN(out.cluster, TextMember(root, "cluster"));
  SIGNET_TRY_ASSIGN(out.token, TextMember(root, "token"));
  return out;
}

class K8sPsatVerification final : public NodeVerification {
 public:
  /// What a verification needs of its verifier, which outlives it.
  struct World {
    const std::map<std::string, K8sPsatCluster>& clusters;
    Duration half_life;
    const Clock& clock;
  };
  K8sPsatVerification(World world, NodeRequest request)
      : world_(world), request_(std::move(request)) {}

  Result<std::variant<AttestedNode, Challenge>> Step(ByteView message) override {
    SIGNET_TRY_ASSIGN(const Payload payload, ParsePayload(message));
    const auto found = world_.clusters.find(payload.cluster);
    if (found == world_.clusters.end()) {
      return InvalidArgument("cluster \"" + payload.cluster.substr(0, kMaxQuotedBytes) +
                             "\" is not configured at this server");
    }
    SIGNET_TRY_ASSIGN(
        AttestedNode node,
        Attest(found->second, payload.token).Context("cluster \"" + payload.cluster + "\""));
    return std::variant<AttestedNode, Challenge>(std::move(node));
  }

 private:
  Result<AttestedNode> Attest(const K8sPsatCluster& config, const std::string& text) const {
    kubernetes::Cluster& cluster = *config.cluster;
    SIGNET_TRY_ASSIGN(const ServiceAccountToken token, cluster.VerifyToken(text));
    const std::string account = token.namespace_name + ":" + token.service_account;
    if (!config.service_account_allow_list.contains(account)) {
      return PermissionDenied("the service account " + account +
                              " is not on the list of those that agents may have");
    }
    const bool watched = cluster.watched();
    SIGNET_TRY_ASSIGN(const AgentPod pod,
                      watched ? FindAgentPod(cluster, token) : AgentPodFromToken(token));
    AttestedNode out{.agent_path = {},
                     .selectors = AgentSelectors(config, pod),
                     .can_reattest = true,
                     .not_after = watched ? std::nullopt : std::optional(token.expires_at)};
    SIGNET_TRY_ASSIGN(out.agent_path, AgentPath(config, pod));
    // Last, so that evidence which is refused for another reason binds no token.
    SIGNET_TRY(cluster.token_uses().Claim(token, text, request_.key_sha256, RebindAfter(out)));
    return out;
  }

  /// RebindAfter: from when on what the agent gets now has lived half its life.
  SystemTime RebindAfter(const AttestedNode& node) const {
    const SystemTime now = world_.clock.Now();
    Duration wait = world_.half_life;
    if (node.not_after) {
      wait = std::min<Duration>(wait, (*node.not_after - now) / 2);
    }
    return now + std::chrono::duration_cast<SystemTime::duration>(wait);
  }

  const World world_;
  const NodeRequest request_;
};

}  // namespace

K8sPsatVerifier::K8sPsatVerifier(std::map<std::string, K8sPsatCluster> clusters, Duration half_life,
                                 const Clock& clock)
    : clusters_(std::move(clusters)), half_life_(half_life), clock_(clock) {}

std::unique_ptr<NodeVerification> K8sPsatVerifier::Begin(const NodeRequest& request) const {
  return std::make_unique<K8sPsatVerification>(
      K8sPsatVerification::World{clusters_, half_life_, clock_}, request);
}

}  // namespace signet::attestor
