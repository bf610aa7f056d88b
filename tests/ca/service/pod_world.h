#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ca/service/pod_news.h"
#include "tests/ca/service/service_world.h"
#include "tests/support/fake_cluster.h"
#include "tests/support/result.h"

namespace signet::test {

/// PodOn is a running pod of namespace "shop"; its service account is its name up to the first '-'.
inline kubernetes::Pod PodOn(const std::string& node, const std::string& name) {
  kubernetes::Pod pod{};
  pod.uid = "uid-" + name;
  pod.namespace_name = "shop";
  pod.name = name;
  pod.service_account = name.substr(0, name.find('-'));
  pod.node_name = node;
  pod.phase = kubernetes::PodPhase::kRunning;
  return pod;
}

/// TokenOf is what a verified token of a pod says.
inline kubernetes::ServiceAccountToken TokenOf(const kubernetes::Pod& pod, SystemTime issued_at) {
  kubernetes::ServiceAccountToken token{};
  token.namespace_name = pod.namespace_name;
  token.service_account = pod.service_account;
  token.service_account_uid = "sa-uid";
  token.pod_name = pod.name;
  token.pod_uid = pod.uid;
  token.node_name = pod.node_name;
  token.node_uid = "uid-of-" + pod.node_name;
  token.id = "jti-" + pod.uid;
  token.issued_at = issued_at;
  token.expires_at = issued_at + std::chrono::minutes(10);
  return token;
}

/// PodWorld is a ServiceWorld whose server gives the pods of cluster "prod" identities. Node
/// "node-1" has the uid "uid-of-node-1", and so on.
struct PodWorld : ServiceWorld {
  explicit PodWorld(service::PodPolicyOptions options = {}, bool watched = true)
      : cluster("prod", clock, watched), pods(context, Clusters(std::move(options))) {
    cluster.AddPodListener([this](const auto& changed) { news.OnPods("prod", changed); });
    for (const std::string node : {"node-1", "node-2"}) {
      cluster.nodes.Put({.uid = "uid-of-" + node, .name = node});
    }
  }

  FakeCluster cluster;
  service::PodIdentities pods;
  service::Entries entries{context, &pods};
  service::Svids svids{context, Issuer(), ttls, pool, &pods};
  service::PodSvids pod_svids{context, pods, svids, pool};
  int wakes = 0;
  service::PodNews news{hub, [this] { ++wakes; }};
  Bytes csr = Csr();

  service::PodSvids* PodService() { return &pod_svids; }

  /// AttestNode records an agent as k8s_psat would.
  service::IssuedAgentSvid AttestNode(const std::string& node) {
    const spiffe::SpiffeId id = ParsedId("/spire/agent/k8s_psat/prod/uid-of-" + node);
    const auto key = crypto::PrivateKey::Generate(crypto::KeyType::kEcP256).value();
    const crypto::Csr parsed = crypto::ParseCsr(crypto::BuildCsr(*key).value()).value();
    issuance::IssuedSvid svid =
        Issuer()()
            ->Issue(
                issuance::X509Issuer::Kind::kAgent,
                {.public_key = parsed.public_key, .spiffe_id = id, .ttl = std::chrono::hours(1)},
                clock.Now())
            .value();
    store::Agent record{.row = 0,
                        .id = id,
                        .attestation_type = "k8s_psat",
                        .serial = svid.serial_decimal,
                        .not_after = UnixSeconds(svid.not_after),
                        .can_reattest = true,
                        .selectors = {{"k8s_psat", "agent_node_name:" + node},
                                      {"k8s_psat", "agent_node_uid:uid-of-" + node},
                                      {"k8s_psat", "agent_ns:spire"},
                                      {"k8s_psat", "cluster:prod"}}};
    REQUIRE_OK(registry->Transact([&]() -> Result<std::vector<store::Write>> {
      record.row = registry->NewRow();
      return std::vector<store::Write>{store::PutAgent{record}};
    }));
    return {id, std::move(svid), true};
  }

  /// Ask asks for one pod's identity.
  Result<service::PodSvid> Ask(const spiffe::SpiffeId& agent, const kubernetes::Pod& pod,
                               const std::string& token = {}) {
    const service::PodSvidRequest request{
        .pod = {pod.uid, pod.namespace_name, pod.name}, .csr = csr, .token = token};
    return std::move(pod_svids.BatchNewX509(agent, {&request, 1}).at(0));
  }
  /// AskByEntry asks as a stock agent does, for the derived entry.
  Result<service::WorkloadSvid> AskByEntry(const spiffe::SpiffeId& agent,
                                           const kubernetes::Pod& pod) {
    const service::SvidRequest request{"k8s-pod." + pod.uid, csr};
    return std::move(svids.BatchNewX509(agent, {&request, 1}).at(0));
  }
  /// Ids lists the ids of what the agent is authorized for.
  std::vector<std::string> Ids(const spiffe::SpiffeId& agent) {
    const auto authorized = entries.Authorized(agent);
    REQUIRE_OK(authorized);
    std::vector<std::string> ids;
    for (const auto& entry : *authorized) {
      ids.push_back(entry->id);
    }
    return ids;
  }

 private:
  std::map<std::string, service::PodCluster> Clusters(service::PodPolicyOptions options) {
    auto policy = service::PodPolicy::Create(std::move(options), "prod", trust_domain);
    std::map<std::string, service::PodCluster> clusters;
    clusters.emplace("prod", service::PodCluster{&cluster, std::move(policy).value()});
    return clusters;
  }
};

}  // namespace signet::test
