#include "ca/service/pod_svids.h"

#include <utility>

#include "attestor/kubernetes/names.h"
#include "attestor/kubernetes/object_codec.h"
#include "core/crypto/csr.h"

namespace signet::service {
namespace {

Status CheckForm(const PodSvidRequest& request) {
  if (!kubernetes::IsUid(request.pod.uid)) {
    return InvalidArgument("pod_uid is missing or malformed");
  }
  if (!request.pod.namespace_name.empty() && !kubernetes::IsDnsLabel(request.pod.namespace_name)) {
    return InvalidArgument("pod_namespace is no name of a namespace");
  }
  if (!request.pod.name.empty() && !kubernetes::IsDnsSubdomain(request.pod.name)) {
    return InvalidArgument("pod_name is no name of a pod");
  }
  if (request.csr.empty()) {
    return InvalidArgument("missing CSR");
  }
  return {};
}

Status CheckTokenIsOf(const kubernetes::ServiceAccountToken& token, const kubernetes::Pod& pod) {
  if (token.pod_uid != pod.uid || token.namespace_name != pod.namespace_name ||
      token.pod_name != pod.name || token.service_account != pod.service_account) {
    return PermissionDenied("workload_token belongs to another pod or service account");
  }
  return {};
}

kubernetes::Pod PodOf(const kubernetes::ServiceAccountToken& token) {
  kubernetes::Pod pod{};
  pod.uid = token.pod_uid;
  pod.namespace_name = token.namespace_name;
  pod.name = token.pod_name;
  pod.service_account = token.service_account;
  pod.node_name = token.node_name;
  return pod;
}

}  // namespace

std::vector<Result<PodSvid>> PodSvids::BatchNewX509(const spiffe::SpiffeId& agent,
                                                    std::span<const PodSvidRequest> requests) {
  Batch batch{agent};
  std::vector<std::optional<Result<PodSvid>>> slots(requests.size());
  pool_.ParallelFor(requests.size(),
                    [&](std::size_t i) { slots[i] = NewX509(batch, requests[i]); });
  std::vector<Result<PodSvid>> results;
  results.reserve(slots.size());
  for (auto& slot : slots) {
    results.push_back(std::move(slot).value());
  }
  return results;
}

Result<PodSvid> PodSvids::NewX509(Batch& batch, const PodSvidRequest& request) const {
  const AgentPtr record = context_.registry.FindAgent(batch.agent);
  Result<PodSvid> result = record && !record->banned()
                               ? Issue(batch, *record, request)
                               : PermissionDenied("the agent is banned or not attested any more");
  if (result.code() == Code::kUnavailable || result.code() == Code::kDeadlineExceeded) {
    batch.unreachable = true;
  }
  if (!result.ok()) {
    context_.logger.Warn("identity of a pod was not issued", {{"agent", batch.agent.ToString()},
                                                              {"pod_uid", request.pod.uid},
                                                              {"code", CodeName(result.code())},
                                                              {"reason", result.error()}});
  }
  return result;
}

Result<PodSvid> PodSvids::Issue(const Batch& batch, const store::Agent& agent,
                                const PodSvidRequest& request) const {
  SIGNET_TRY(CheckForm(request));
  SIGNET_TRY_ASSIGN(const crypto::Csr csr, crypto::ParseCsr(request.csr).Context("malformed CSR"));
  SIGNET_TRY_ASSIGN(const PodNode place, pods_.NodeOf(agent));
  kubernetes::Cluster& cluster = *place.cluster->cluster;
  const bool asks = !request.token.empty() || cluster.KnownPod(request.pod.uid) == nullptr;
  if (asks && batch.unreachable) {
    return Unavailable("cluster \"" + cluster.name() +
                       "\" could not be asked for another pod of this batch");
  }
  SIGNET_TRY_ASSIGN(const Proven proven, cluster.watched() ? ProveWatched(agent, place, request)
                                                           : ProveRemote(agent, place, request));
  const SystemTime now = context_.clock.Now();
  Duration ttl = svids_.TtlOf(*proven.entry);
  if (proven.not_after) {
    ttl = std::min(ttl, std::chrono::duration_cast<Duration>(*proven.not_after - now));
  }
  if (ttl <= Duration::zero()) {
    return PermissionDenied("workload_token has expired");
  }
  if (proven.token) {
    SIGNET_TRY(cluster.token_uses()
                   .Claim(*proven.token, request.token, agent.id.ToString(), now + ttl / 2)
                   .Context("workload_token"));
  }
  SIGNET_TRY_ASSIGN(issuance::IssuedSvid svid, svids_.Sign(*proven.entry, csr.public_key, ttl));
  return PodSvid{proven.entry, std::move(svid)};
}

Result<PodSvids::Proven> PodSvids::ProveWatched(const store::Agent& agent, const PodNode& place,
                                                const PodSvidRequest& request) const {
  kubernetes::Cluster& cluster = *place.cluster->cluster;
  SIGNET_TRY_ASSIGN(const kubernetes::PodPtr pod, cluster.FindPod(request.pod));
  SIGNET_TRY_ASSIGN(const kubernetes::NodePtr node, cluster.FindNode(place.node.node_name));
  SIGNET_TRY(CheckOnNode(place, *pod, node.get()));
  SIGNET_TRY(kubernetes::CheckMayHaveIdentity(*pod));
  SIGNET_TRY_ASSIGN(EntryPtr entry, pods_.EntryFor(agent, place, *pod));
  Proven proven{.entry = std::move(entry)};
  if (request.token.empty()) {
    if (place.cluster->policy.options().require_workload_token) {
      return PermissionDenied("cluster \"" + cluster.name() +
                              "\" requires a token of the pod's own service account "
                              "(require_workload_token), and workload_token is empty");
    }
    return proven;
  }
  SIGNET_TRY_ASSIGN(proven.token, cluster.VerifyToken(request.token).Context("workload_token"));
  SIGNET_TRY(CheckTokenIsOf(*proven.token, *pod));
  return proven;
}

Result<PodSvids::Proven> PodSvids::ProveRemote(const store::Agent& agent, const PodNode& place,
                                               const PodSvidRequest& request) const {
  kubernetes::Cluster& cluster = *place.cluster->cluster;
  if (request.token.empty()) {
    return PermissionDenied("pods of cluster \"" + cluster.name() +
                            "\" are known by their tokens alone, and workload_token is empty");
  }
  SIGNET_TRY_ASSIGN(kubernetes::ServiceAccountToken token,
                    cluster.VerifyToken(request.token).Context("workload_token"));
  if (token.pod_uid != request.pod.uid) {
    return PermissionDenied("workload_token belongs to another pod or service account");
  }
  const kubernetes::Pod pod = PodOf(token);
  const kubernetes::Node node{.uid = token.node_uid, .name = token.node_name};
  SIGNET_TRY(CheckOnNode(place, pod, &node));
  SIGNET_TRY_ASSIGN(EntryPtr entry, pods_.EntryFor(agent, place, pod));
  const SystemTime expires_at = token.expires_at;
  return Proven{std::move(entry), std::move(token), expires_at};
}

}  // namespace signet::service
