#include "ca/service/attestation.h"

#include <algorithm>
#include <utility>

#include "core/base/encoding.h"
#include "core/crypto/csr.h"
#include "core/crypto/hash.h"

namespace signet::service {
namespace {

using Writes = std::vector<store::Write>;

Status CheckRequest(const AttestRequest& request) {
  if (request.type.empty()) {
    return InvalidArgument("malformed param: missing attestation data type");
  }
  if (request.payload.empty()) {
    return InvalidArgument("malformed param: missing attestation data payload");
  }
  if (request.payload.size() > attestor::kMaxNodeEvidenceBytes) {
    return InvalidArgument("malformed param: attestation data payload is longer than 64 KiB");
  }
  if (request.csr.empty()) {
    return InvalidArgument("malformed param: missing CSR");
  }
  return {};
}

}  // namespace

NodeAttestation::NodeAttestation(Context& context, IssuerSource issuer, TtlPolicy ttls,
                                 std::vector<std::unique_ptr<attestor::NodeVerifier>> verifiers)
    : context_(context), issuer_(std::move(issuer)), ttls_(ttls) {
  for (auto& verifier : verifiers) {
    std::string type(verifier->type());
    verifiers_.emplace(std::move(type), std::move(verifier));
  }
}

Result<std::unique_ptr<Attestation>> NodeAttestation::Begin(AttestRequest request) {
  SIGNET_TRY(CheckRequest(request));
  const auto verifier = verifiers_.find(request.type);
  if (verifier == verifiers_.end()) {
    return FailedPrecondition("error getting node attestor: could not find node attestor type \"" +
                              request.type.substr(0, 64) + "\"");
  }
  SIGNET_TRY_ASSIGN(crypto::Csr csr, crypto::ParseCsr(request.csr).Context("failed to parse CSR"));
  auto verification = verifier->second->Begin(
      attestor::NodeRequest{HexEncode(crypto::Sha256(csr.public_key.spki()))});
  return std::unique_ptr<Attestation>(new Attestation(
      *this, std::move(request), std::move(csr.public_key), std::move(verification)));
}

Result<issuance::IssuedSvid> NodeAttestation::Sign(const spiffe::SpiffeId& agent,
                                                   const crypto::PublicKey& key,
                                                   Duration ttl) const {
  auto signed_svid =
      issuer_()->Issue(issuance::X509Issuer::Kind::kAgent,
                       {.public_key = key, .spiffe_id = agent, .ttl = ttl}, context_.clock.Now());
  if (!signed_svid.ok()) {
    return Internal("failed to sign X509 SVID: " + signed_svid.error().message);
  }
  return signed_svid;
}

Status NodeAttestation::CheckToken(const std::string& token) const {
  const bool known = context_.registry.Read(
      [&](const RegistryTables& tables) { return tables.FindJoinToken(token) != nullptr; });
  if (!known) {
    return InvalidArgument("failed to attest: join token does not exist or has already been used");
  }
  return {};
}

Status NodeAttestation::BurnIfExpired(const std::string& token) {
  const std::int64_t now = UnixSeconds(context_.clock.Now());
  const bool expired = context_.registry.Read([&](const RegistryTables& tables) {
    const store::JoinToken* found = tables.FindJoinToken(token);
    return found != nullptr && found->expires_at < now;
  });
  if (!expired) {
    return {};
  }
  // An expired token is burnt all the same (spire-api §9).
  const Status burnt = context_.registry.Transact([&]() -> Result<Writes> {
    SIGNET_TRY(CheckToken(token));
    return Writes{store::TakeJoinToken{token}};
  });
  SIGNET_TRY(burnt);
  return InvalidArgument("join token expired");
}

Result<Writes> NodeAttestation::PlanRecord(const store::Agent& agent,
                                           const std::optional<std::string>& token) {
  Writes writes;
  if (token) {
    SIGNET_TRY(CheckToken(*token));
    writes.push_back(store::TakeJoinToken{*token});
  }
  const AgentPtr known = context_.registry.FindAgent(agent.id);
  if (known && known->banned()) {
    return PermissionDenied("failed to attest: agent is banned");
  }
  store::Agent record = agent;
  record.row = known ? known->row : context_.registry.NewRow();
  record.version = known ? known->version : std::string();
  writes.push_back(store::PutAgent{std::move(record)});
  return writes;
}

Result<Duration> NodeAttestation::TtlFor(const attestor::AttestedNode& node) const {
  if (!node.not_after) {
    return ttls_.agent;
  }
  const auto left = std::chrono::duration_cast<Duration>(*node.not_after - context_.clock.Now());
  if (left <= Duration::zero()) {
    return PermissionDenied("failed to attest: the evidence has expired");
  }
  return std::min(ttls_.agent, left);
}

Result<IssuedAgentSvid> NodeAttestation::Admit(const std::string& type,
                                               const attestor::AttestedNode& node,
                                               const crypto::PublicKey& key) {
  SIGNET_TRY_ASSIGN(const spiffe::SpiffeId id,
                    spiffe::SpiffeId::FromParts(context_.trust_domain, node.agent_path));
  if (!id.is_agent()) {
    return Internal("attestor \"" + type + "\" gave \"" + id.ToString() +
                    "\", which is not an agent's ID");
  }
  if (node.one_time_token) {
    SIGNET_TRY(CheckToken(*node.one_time_token));
    SIGNET_TRY(BurnIfExpired(*node.one_time_token));
  }
  const AgentPtr known = context_.registry.FindAgent(id);
  if (known && known->banned()) {
    return PermissionDenied("failed to attest: agent is banned");
  }
  SIGNET_TRY_ASSIGN(const Duration ttl, TtlFor(node));
  SIGNET_TRY_ASSIGN(issuance::IssuedSvid svid, Sign(id, key, ttl));
  store::Agent record{.id = id,
                      .attestation_type = type,
                      .serial = svid.serial_decimal,
                      .not_after = UnixSeconds(svid.not_after),
                      .can_reattest = node.can_reattest,
                      .selectors = node.selectors};
  std::sort(record.selectors.begin(), record.selectors.end());
  record.selectors.erase(std::unique(record.selectors.begin(), record.selectors.end()),
                         record.selectors.end());
  // The certificate leaves only if this transaction wins: of many racers on one token, one does.
  SIGNET_TRY(context_.registry.Transact([&] { return PlanRecord(record, node.one_time_token); }));
  context_.logger.Info("agent attested",
                       {{"agent", id.ToString()}, {"selectors", record.selectors.size()}});
  return IssuedAgentSvid{id, std::move(svid), node.can_reattest};
}

std::variant<IssuedAgentSvid, Denial> NodeAttestation::Renew(const spiffe::SpiffeId& agent,
                                                             ByteView csr) {
  const AgentPtr known = context_.registry.FindAgent(agent);
  if (!known) {
    return Denial{NotFound("agent not found")};
  }
  if (known->can_reattest) {
    return Denial{PermissionDenied("agent must reattest instead of renew"),
                  DenialReason::kAgentMustReattest};
  }
  if (csr.empty()) {
    return Denial{InvalidArgument("missing CSR")};
  }
  const Result<crypto::Csr> parsed = crypto::ParseCsr(csr).Context("failed to parse CSR");
  if (!parsed.ok()) {
    return Denial{parsed.error()};
  }
  Result<issuance::IssuedSvid> svid = Sign(agent, parsed->public_key, ttls_.agent);
  if (!svid.ok()) {
    return Denial{std::move(svid).error()};
  }
  const Status recorded = context_.registry.Transact([&]() -> Result<Writes> {
    const AgentPtr now = context_.registry.FindAgent(agent);
    if (!now || now->banned()) {
      return PermissionDenied("agent was evicted or banned meanwhile");
    }
    store::Agent record = *now;
    record.pending_serial = svid->serial_decimal;
    record.pending_not_after = UnixSeconds(svid->not_after);
    return Writes{store::PutAgent{std::move(record)}};
  });
  if (!recorded.ok()) {
    return Denial{recorded.error()};
  }
  context_.logger.Info("agent SVID renewed", {{"agent", agent.ToString()}});
  return IssuedAgentSvid{agent, std::move(svid).value(), false};
}

Result<Attestation::Outcome> Attestation::Start() { return Step(request_.payload); }

Result<Attestation::Outcome> Attestation::Respond(ByteView response) {
  if (response.empty() || response.size() > attestor::kMaxNodeEvidenceBytes) {
    return InvalidArgument("challenge response is empty or longer than 64 KiB");
  }
  return Step(response);
}

Result<Attestation::Outcome> Attestation::Step(ByteView message) {
  SIGNET_TRY_ASSIGN(auto proven, verification_->Step(message));
  if (auto* challenge = std::get_if<attestor::Challenge>(&proven)) {
    return Outcome(std::move(challenge->bytes));
  }
  SIGNET_TRY_ASSIGN(IssuedAgentSvid issued,
                    owner_.Admit(request_.type, std::get<attestor::AttestedNode>(proven), key_));
  return Outcome(std::move(issued));
}

}  // namespace signet::service
