#include "ca/service/svids.h"

#include <optional>
#include <utility>

#include "ca/service/dns_name.h"
#include "ca/service/input.h"
#include "core/crypto/csr.h"

namespace signet::service {
namespace {

/// IsEmptyName: the DER of a Name without parts is a header alone.
bool IsEmptyName(const Bytes& name) { return name.size() <= 2; }

Duration TtlOr(std::int32_t seconds, Duration otherwise) {
  return seconds > 0 ? Duration(std::chrono::seconds(seconds)) : otherwise;
}

Error SigningFailed(const Error& error) {
  return Internal("failed to sign X509-SVID: " + error.message);
}

}  // namespace

std::vector<Result<WorkloadSvid>> Svids::BatchNewX509(const spiffe::SpiffeId& agent,
                                                      std::span<const SvidRequest> requests) {
  const AgentPtr record = context_.registry.FindAgent(agent);
  std::vector<std::optional<Result<WorkloadSvid>>> slots(requests.size());
  pool_.ParallelFor(requests.size(),
                    [&](std::size_t i) { slots[i] = NewX509(record.get(), requests[i]); });
  std::vector<Result<WorkloadSvid>> results;
  results.reserve(slots.size());
  for (auto& slot : slots) {
    results.push_back(std::move(slot).value());
  }
  return results;
}

Result<WorkloadSvid> Svids::NewX509(const store::Agent* agent, const SvidRequest& request) {
  if (request.entry_id.empty()) {
    return InvalidArgument("missing entry ID");
  }
  if (request.csr.empty()) {
    return InvalidArgument("missing CSR");
  }
  SIGNET_TRY_ASSIGN(const EntryPtr entry, FindAuthorized(agent, request.entry_id));
  SIGNET_TRY_ASSIGN(const crypto::Csr csr, crypto::ParseCsr(request.csr).Context("malformed CSR"));
  SIGNET_TRY_ASSIGN(auto svid, Sign(*entry, csr.public_key, TtlOf(*entry)));
  return WorkloadSvid{entry->spiffe_id, std::move(svid)};
}

Result<EntryPtr> Svids::FindAuthorized(const store::Agent* agent,
                                       const std::string& entry_id) const {
  if (agent != nullptr && pods_ != nullptr && PodIdentities::IsPodEntryId(entry_id)) {
    return pods_->FindEntry(*agent, entry_id);
  }
  EntryPtr entry = agent == nullptr ? nullptr : context_.registry.FindAuthorized(*agent, entry_id);
  if (!entry) {
    return NotFound("entry not found or not authorized");
  }
  return entry;
}

Duration Svids::TtlOf(const store::Entry& entry) const {
  return TtlOr(entry.x509_svid_ttl, ttls_.x509_svid);
}

Result<issuance::IssuedSvid> Svids::Sign(const store::Entry& entry, const crypto::PublicKey& key,
                                         Duration ttl) const {
  auto svid = issuer_()->Issue(
      issuance::X509Issuer::Kind::kWorkload,
      {.public_key = key, .spiffe_id = entry.spiffe_id, .ttl = ttl, .dns_names = entry.dns_names},
      context_.clock.Now());
  if (!svid.ok()) {
    return SigningFailed(svid.error());
  }
  return svid;
}

Result<WorkloadSvid> Svids::MintX509(ByteView der, std::int32_t ttl_seconds) {
  if (der.empty()) {
    return InvalidArgument("missing CSR");
  }
  SIGNET_TRY_ASSIGN(crypto::Csr csr, crypto::ParseCsr(der).Context("malformed CSR"));
  if (csr.uri_sans.size() != 1) {
    return InvalidArgument("CSR must name exactly one URI SAN, it names " +
                           std::to_string(csr.uri_sans.size()));
  }
  SIGNET_TRY_ASSIGN(spiffe::SpiffeId id, spiffe::SpiffeId::Parse(csr.uri_sans.front())
                                             .Context("CSR URI SAN is not a valid SPIFFE ID"));
  SIGNET_TRY(
      CheckWorkloadId(id, context_.trust_domain).Context("CSR URI SAN is not a workload's ID"));
  for (const std::string& name : csr.dns_sans) {
    SIGNET_TRY(ValidateDnsName(name).Context("CSR DNS SAN"));
  }
  SIGNET_TRY(CheckWildcardOverlap(csr.dns_sans).Context("CSR DNS SAN"));
  issuance::SvidParams params{.public_key = csr.public_key,
                              .spiffe_id = id,
                              .ttl = TtlOr(ttl_seconds, ttls_.x509_svid),
                              .dns_names = csr.dns_sans};
  if (!IsEmptyName(csr.subject)) {
    params.subject = csr.subject;
  }
  auto svid = issuer_()->Issue(issuance::X509Issuer::Kind::kWorkload, params, context_.clock.Now());
  if (!svid.ok()) {
    return SigningFailed(svid.error());
  }
  context_.logger.Info("X509-SVID minted", {{"id", id.ToString()}});
  return WorkloadSvid{std::move(id), std::move(svid).value()};
}

}  // namespace signet::service
