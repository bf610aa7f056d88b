#include "tests/workload-api/manager/fake_upstream.h"

#include <algorithm>

#include "core/crypto/csr.h"

namespace signet::manager::test {
namespace {

spiffe::TrustDomain Td() { return *spiffe::TrustDomain::Parse("example.org"); }

}  // namespace

FakeUpstream::FakeUpstream(const Clock& clock) : bundle{.trust_domain = Td()}, clock_(clock) {
  NewAuthority();
}

void FakeUpstream::NewAuthority(bool publish) {
  const auto key = *crypto::PrivateKey::Generate(crypto::KeyType::kEcP256);
  const auto ca = *issuance::SelfSignCa(*key, {.trust_domain = Td()}, clock_.Now(), random_);
  issuers_.push_back(*issuance::X509Issuer::Create(Td(), ca, key, random_));
  bundle.x509_authorities.push_back({ca.der});
  if (publish) {
    ++bundle.sequence;
  }
}

std::optional<Error> FakeUpstream::Refusal() const {
  return denial == Denial::kNone ? away : std::optional(PermissionDenied("authorization denied"));
}

Result<std::vector<Bytes>> FakeUpstream::Issue(const Bytes& csr, const std::string& id,
                                               Duration ttl) {
  SIGNET_TRY_ASSIGN(const crypto::Csr request, crypto::ParseCsr(csr));
  const spiffe::SpiffeId spiffe_id = *spiffe::SpiffeId::Parse(id);
  const auto kind = spiffe_id.is_agent() ? issuance::X509Issuer::Kind::kAgent
                                         : issuance::X509Issuer::Kind::kWorkload;
  SIGNET_TRY_ASSIGN(
      issuance::IssuedSvid svid,
      issuers_.back()->Issue(kind,
                             {.public_key = request.public_key, .spiffe_id = spiffe_id, .ttl = ttl},
                             clock_.Now()));
  return svid.chain;
}

void FakeUpstream::Use(std::shared_ptr<const AgentIdentity> identity) {
  watch = WatchState::kClosed;
  used.push_back(std::move(identity));
}

Answer<AttestedAgent> FakeUpstream::Attest(attestor::NodeProver& prover, const Bytes& csr) {
  if (away) {
    return {*away};
  }
  if (cannot_attest) {
    return {*cannot_attest};
  }
  attest_csrs.push_back(csr);
  const Secret payload = *prover.Payload();
  const std::string token(AsText(payload.RevealSecret()));
  if (token == spent_token) {
    return {InvalidArgument("join token does not exist or has already been used")};
  }
  ++attested;
  denial = Denial::kNone;
  Result<std::vector<Bytes>> chain =
      Issue(csr, "spiffe://example.org/spire/agent/join_token/" + token, agent_ttl);
  return {AttestedAgent{*chain, reattestable}};
}

Answer<std::vector<Bytes>> FakeUpstream::Renew(const Bytes& csr) {
  if (const auto refusal = Refusal()) {
    return {*refusal, denial};
  }
  ++renewed;
  return {Issue(csr, used.back()->id.ToString(), agent_ttl)};
}

Answer<spiffe::Bundle> FakeUpstream::FetchBundle() {
  if (away) {
    return {*away};
  }
  return {bundle};
}

Answer<std::optional<spiffe::Bundle>> FakeUpstream::FetchFederatedBundle(
    const spiffe::TrustDomain& trust_domain) {
  const auto found = federated.find(trust_domain);
  return {found == federated.end() ? std::nullopt : std::optional(found->second)};
}

Answer<std::map<spiffe::TrustDomain, std::vector<Bytes>>> FakeUpstream::FetchCrossCertificates(
    const std::set<spiffe::TrustDomain>& trust_domains) {
  ++asked_cross_certificates;
  if (no_cross_certificates) {
    return {*no_cross_certificates};
  }
  auto answer = cross_certificates;
  std::erase_if(answer, [&](const auto& of) { return !trust_domains.contains(of.first); });
  return {std::move(answer)};
}

Answer<std::vector<svids::Entry>> FakeUpstream::SyncEntries(const std::vector<svids::Entry>&) {
  if (const auto refusal = Refusal()) {
    return {*refusal, denial};
  }
  if (cannot_list) {
    return {*cannot_list};
  }
  ++synced;
  return {entries};
}

Answer<IssuedChains> FakeUpstream::NewX509Svids(const std::vector<SvidRequest>& requests) {
  if (const auto refusal = Refusal()) {
    return {*refusal, denial};
  }
  batches.push_back(requests.size());
  if (requests.size() > max_batch) {
    return {ResourceExhausted("rate exceeds burst size")};
  }
  IssuedChains chains;
  for (const SvidRequest& request : requests) {
    asked.push_back(request.entry_id);
    chains.push_back(IssueFor(request.entry_id, request.csr));
  }
  return {std::move(chains)};
}

Answer<IssuedChains> FakeUpstream::NewPodX509Svids(const std::vector<PodSvidRequest>& requests) {
  if (const auto refusal = Refusal()) {
    return {*refusal, denial};
  }
  if (pods_fail) {
    return {*pods_fail};
  }
  IssuedChains chains;
  for (const PodSvidRequest& request : requests) {
    const std::string token(AsText(request.facts.token.RevealSecret()));
    asked_pods.push_back(request.pod_uid + " " + request.facts.namespace_name + "/" +
                         request.facts.name + " " + token);
    chains.push_back(
        token == wanted_token || wanted_token.empty()
            ? IssueFor("k8s-pod." + request.pod_uid, request.csr)
            : Result<std::vector<Bytes>>(PermissionDenied("the pod's own token is required")));
  }
  return {std::move(chains)};
}

Result<std::vector<Bytes>> FakeUpstream::IssueFor(const std::string& entry_id, const Bytes& csr) {
  if (std::find(refused.begin(), refused.end(), entry_id) != refused.end()) {
    return PermissionDenied("refused");
  }
  for (const svids::Entry& entry : entries) {
    if (entry.id == entry_id) {
      return Issue(csr, entry.spiffe_id.ToString(), svid_ttl);
    }
  }
  return NotFound("no such entry");
}

void FakeUpstream::Watch(const std::vector<std::string>& authority_ids, std::function<void()>) {
  watch = can_watch ? WatchState::kOpen : WatchState::kUnsupported;
  acknowledged = authority_ids;
}

}  // namespace signet::manager::test
