#include "ca/service/pod_identities.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "attestor/kubernetes/object_codec.h"
#include "core/crypto/hash.h"

namespace signet::service {
namespace {

using kubernetes::kPodEntryPrefix;

/// Fingerprint makes of an entry's content a revision number that is the same after a restart and
/// on another server, and another one when anything that an agent acts on is another.
class Fingerprint {
 public:
  void Add(std::string_view part) {
    text_ += std::to_string(part.size()) + ":" + std::string(part);
  }
  void Add(std::int64_t number) { Add(std::to_string(number)); }
  std::int64_t Value() const {
    const auto hash = crypto::Sha256(AsBytes(text_));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(value); ++i) {
      value = value << 8U | hash[i];
    }
    return static_cast<std::int64_t>(value >> 1U);  // the wire's number is signed
  }

 private:
  std::string text_;
};

std::int64_t RevisionOf(const store::Entry& entry) {
  Fingerprint print;
  print.Add(entry.spiffe_id.ToString());
  print.Add(entry.parent_id.ToString());
  print.Add(entry.x509_svid_ttl);
  print.Add(entry.jwt_svid_ttl);
  print.Add(entry.hint);
  for (const std::string& name : entry.dns_names) {
    print.Add("dns " + name);
  }
  for (const spiffe::TrustDomain& trust_domain : entry.federates_with) {
    print.Add("federates " + trust_domain.name());
  }
  return print.Value();
}

/// WinnerOf gives the registration entry with this ID that the agent may issue, if there is one.
EntryPtr WinnerOf(const RegistryTables& tables, const store::Agent& agent,
                  const spiffe::SpiffeId& id) {
  for (const EntryPtr& entry : tables.EntriesBySpiffeId(id)) {
    if (EntryPtr authorized = tables.FindAuthorized(agent, entry->id)) {
      return authorized;
    }
  }
  return nullptr;
}

}  // namespace

Status CheckOnNode(const PodNode& place, const kubernetes::Pod& pod, const kubernetes::Node* node) {
  if (pod.node_name != place.node.node_name) {
    return PermissionDenied("the pod does not run on the agent's node \"" + place.node.node_name +
                            "\"");
  }
  if (node == nullptr || node->uid != place.node.node_uid) {
    return PermissionDenied("node \"" + place.node.node_name +
                            "\" is not the one that was attested; it was deleted or re-created, "
                            "and its agent must attest again");
  }
  return {};
}

bool PodIdentities::IsPodEntryId(const std::string& entry_id) {
  return entry_id.starts_with(kPodEntryPrefix);
}

Result<PodNode> PodIdentities::NodeOf(const store::Agent& agent) const {
  auto node = attestor::ReadK8sPsatNode(agent.attestation_type, agent.selectors);
  if (!node) {
    return PermissionDenied(
        "the agent was attested by \"" + agent.attestation_type +
        "\"; only agents that were attested by k8s_psat get the identities of pods");
  }
  const auto cluster = clusters_.find(node->cluster);
  if (cluster == clusters_.end()) {
    return PermissionDenied("cluster \"" + node->cluster +
                            "\" gives no identities without registration; add "
                            "kubernetes.clusters.<name>.identities to the server's configuration");
  }
  return PodNode{&cluster->second, std::move(*node)};
}

std::vector<spiffe::TrustDomain> PodIdentities::Federated(const PodPolicy& policy) const {
  std::vector<spiffe::TrustDomain> with_bundle;
  for (const spiffe::TrustDomain& trust_domain : policy.options().federates_with) {
    if (context_.registry.FindBundle(trust_domain)) {
      with_bundle.push_back(trust_domain);
    }
  }
  return with_bundle;
}

store::Entry PodIdentities::Derive(const store::Agent& agent, const PodCluster& cluster,
                                   const kubernetes::Pod& pod, PodNames names) const {
  const PodPolicyOptions& options = cluster.policy.options();
  store::Entry entry{.id = std::string(kPodEntryPrefix) + pod.uid,
                     .spiffe_id = std::move(names.spiffe_id),
                     .parent_id = agent.id,
                     .selectors = {{"k8s", "pod-uid:" + pod.uid}},
                     .x509_svid_ttl = options.x509_svid_ttl,
                     .jwt_svid_ttl = options.jwt_svid_ttl,
                     .federates_with = Federated(cluster.policy),
                     .dns_names = std::move(names.dns_names),
                     .hint = options.hint};
  entry.revision_number = RevisionOf(entry);
  return entry;
}

Result<std::vector<EntryPtr>> PodIdentities::EntriesOf(const store::Agent& agent) const {
  std::vector<EntryPtr> entries;
  const Result<PodNode> place = NodeOf(agent);
  if (!place.ok() || agent.banned() || !place->cluster->cluster->watched()) {
    return entries;
  }
  const kubernetes::Cluster& cluster = *place->cluster->cluster;
  if (const kubernetes::ClusterHealth health = cluster.health(); !health.synced) {
    return Unavailable("the pods of cluster \"" + cluster.name() + "\" have not been read yet" +
                       (health.problem.empty() ? "" : ": " + health.problem));
  }
  const kubernetes::NodePtr node = cluster.KnownNode(place->node.node_name);
  const std::vector<kubernetes::PodPtr> pods = cluster.PodsOnNode(place->node.node_name);
  if (node == nullptr && !pods.empty()) {
    // A new node whose pods have come first, or one that is gone and whose pods go any moment.
    return Unavailable("node \"" + place->node.node_name + "\" is not known in cluster \"" +
                       cluster.name() + "\" yet, or no more");
  }
  for (const kubernetes::PodPtr& pod : pods) {
    if (!CheckOnNode(*place, *pod, node.get()).ok() ||
        !kubernetes::CheckMayHaveIdentity(*pod).ok()) {
      continue;
    }
    if (Result<PodNames> names = place->cluster->policy.Judge(*pod); names.ok()) {
      entries.push_back(std::make_shared<const store::Entry>(
          Derive(agent, *place->cluster, *pod, std::move(names).value())));
    }
  }
  context_.registry.Read([&](const RegistryTables& tables) {
    return std::erase_if(entries, [&](const EntryPtr& entry) {
      return WinnerOf(tables, agent, entry->spiffe_id) != nullptr;
    });
  });
  std::sort(entries.begin(), entries.end(),
            [](const EntryPtr& a, const EntryPtr& b) { return a->id < b->id; });
  return entries;
}

Result<EntryPtr> PodIdentities::EntryFor(const store::Agent& agent, const PodNode& place,
                                         const kubernetes::Pod& pod) const {
  SIGNET_TRY_ASSIGN(PodNames names, place.cluster->policy.Judge(pod));
  const EntryPtr winner = context_.registry.Read(
      [&](const RegistryTables& tables) { return WinnerOf(tables, agent, names.spiffe_id); });
  if (winner) {
    return PermissionDenied("registration entry \"" + winner->id + "\" has the same SPIFFE ID \"" +
                            names.spiffe_id.ToString() + "\" and wins; ask for that entry");
  }
  return std::make_shared<const store::Entry>(Derive(agent, *place.cluster, pod, std::move(names)));
}

Result<EntryPtr> PodIdentities::FindEntry(const store::Agent& agent,
                                          const std::string& entry_id) const {
  SIGNET_TRY_ASSIGN(const PodNode place, NodeOf(agent));
  const kubernetes::Cluster& cluster = *place.cluster->cluster;
  if (place.cluster->policy.options().require_workload_token || !cluster.watched()) {
    return PermissionDenied("cluster \"" + cluster.name() +
                            "\" requires the pod's own token; ask by "
                            "signet.api.server.v1.Pods/BatchNewX509SVID");
  }
  const kubernetes::PodPtr pod = cluster.KnownPod(entry_id.substr(kPodEntryPrefix.size()));
  if (!pod) {
    return NotFound("entry not found or not authorized");
  }
  const kubernetes::NodePtr node = cluster.KnownNode(place.node.node_name);
  SIGNET_TRY(CheckOnNode(place, *pod, node.get()));
  SIGNET_TRY(kubernetes::CheckMayHaveIdentity(*pod));
  return EntryFor(agent, place, *pod);
}

}  // namespace signet::service
