#include "workload-api/upstream/convert.h"

#include "core/base/bytes.h"
#include "core/crypto/bundle_codec.h"
#include "core/crypto/certificate.h"
#include "google/rpc/status.pb.h"
#include "spire/api/types/status.pb.h"

namespace signet::upstream {
namespace {

namespace types = spire::api::types;

constexpr int kMaxAuthorities = 64;

manager::Denial DenialOf(types::PermissionDeniedDetails::Reason reason) {
  switch (reason) {
    case types::PermissionDeniedDetails::AGENT_EXPIRED:
      return manager::Denial::kExpired;
    case types::PermissionDeniedDetails::AGENT_NOT_ATTESTED:
      return manager::Denial::kNotAttested;
    case types::PermissionDeniedDetails::AGENT_NOT_ACTIVE:
      return manager::Denial::kNotActive;
    case types::PermissionDeniedDetails::AGENT_BANNED:
      return manager::Denial::kBanned;
    case types::PermissionDeniedDetails::AGENT_MUST_REATTEST:
      return manager::Denial::kMustReattest;
    default:
      return manager::Denial::kNone;
  }
}

}  // namespace

Error ErrorOf(const grpc::Status& status) {
  return {static_cast<Code>(status.error_code()), status.error_message()};
}

manager::Denial DenialOf(const grpc::Status& status) {
  google::rpc::Status details;
  if (status.error_code() != grpc::StatusCode::PERMISSION_DENIED ||
      !details.ParseFromString(status.error_details())) {
    return manager::Denial::kNone;
  }
  for (const auto& any : details.details()) {
    types::PermissionDeniedDetails denied;
    if (any.UnpackTo(&denied)) {
      return DenialOf(denied.reason());
    }
  }
  return manager::Denial::kNone;
}

Result<svids::Entry> EntryOf(const types::Entry& entry) {
  if (entry.id().empty()) {
    return InvalidArgument("an entry has no id");
  }
  SIGNET_TRY_ASSIGN(const spiffe::TrustDomain trust_domain,
                    spiffe::TrustDomain::Parse(entry.spiffe_id().trust_domain()));
  SIGNET_TRY_ASSIGN(spiffe::SpiffeId id,
                    spiffe::SpiffeId::FromParts(trust_domain, entry.spiffe_id().path()));
  svids::Entry out{.id = entry.id(),
                   .spiffe_id = std::move(id),
                   .hint = entry.hint(),
                   .revision_number = entry.revision_number(),
                   .created_at = entry.created_at(),
                   .x509_svid_ttl = entry.x509_svid_ttl(),
                   .dns_names = {entry.dns_names().begin(), entry.dns_names().end()}};
  for (const types::Selector& selector : entry.selectors()) {
    SIGNET_TRY_ASSIGN(spiffe::Selector checked,
                      spiffe::Selector::Create(selector.type(), selector.value()));
    out.selectors.push_back(std::move(checked));
  }
  if (out.selectors.empty()) {
    return InvalidArgument("entry " + entry.id() + " has no selectors");
  }
  for (const std::string& name : entry.federates_with()) {
    SIGNET_TRY_ASSIGN(spiffe::TrustDomain federated, spiffe::TrustDomain::ParseNameOrId(name));
    out.federates_with.push_back(std::move(federated));
  }
  return out;
}

void AddCrossCertificates(const signet::api::server::v1::ListCrossCertificatesResponse& response,
                          std::map<spiffe::TrustDomain, std::vector<Bytes>>& into) {
  for (const auto& of : response.cross_certificates()) {
    const auto trust_domain = spiffe::TrustDomain::Parse(of.trust_domain());
    if (!trust_domain.ok()) {
      continue;
    }
    std::vector<Bytes> certificates;
    for (const std::string& der : of.certificates()) {
      const auto parsed = crypto::Certificate::Parse(AsBytes(der));
      if (parsed.ok() && parsed->is_ca && !parsed->name_constraints.empty()) {
        certificates.push_back(parsed->der);
      }
    }
    if (!certificates.empty()) {
      into[*trust_domain] = std::move(certificates);
    }
  }
}

Result<spiffe::Bundle> BundleOf(const types::Bundle& bundle) {
  SIGNET_TRY_ASSIGN(spiffe::TrustDomain trust_domain,
                    spiffe::TrustDomain::ParseNameOrId(bundle.trust_domain()));
  spiffe::Bundle out{.trust_domain = std::move(trust_domain),
                     .sequence = bundle.sequence_number(),
                     .refresh_hint_seconds = bundle.refresh_hint()};
  if (bundle.x509_authorities_size() > kMaxAuthorities ||
      bundle.jwt_authorities_size() > kMaxAuthorities) {
    return InvalidArgument("the bundle of " + out.trust_domain.name() +
                           " has more than 64 authorities");
  }
  for (const types::X509Certificate& certificate : bundle.x509_authorities()) {
    SIGNET_TRY(crypto::ValidateAuthority(AsBytes(certificate.asn1()))
                   .Context("bundle of " + out.trust_domain.name()));
    out.x509_authorities.push_back({ToBytes(certificate.asn1()), certificate.tainted()});
  }
  for (const types::JWTKey& key : bundle.jwt_authorities()) {
    if (!key.key_id().empty()) {
      out.jwt_authorities.push_back(
          {ToBytes(key.public_key()), key.key_id(), key.expires_at(), key.tainted()});
    }
  }
  return out;
}

Result<std::vector<Bytes>> ChainOf(const types::X509SVID& svid) {
  if (svid.cert_chain().empty()) {
    return InvalidArgument("the server sent an X509-SVID without certificates");
  }
  std::vector<Bytes> chain;
  for (const std::string& certificate : svid.cert_chain()) {
    chain.push_back(ToBytes(certificate));
  }
  return chain;
}

signet::api::server::v1::BatchNewPodX509SVIDRequest PodRequestOf(
    const std::vector<manager::PodSvidRequest>& requests) {
  signet::api::server::v1::BatchNewPodX509SVIDRequest out;
  for (const manager::PodSvidRequest& wanted : requests) {
    auto& params = *out.add_params();
    params.set_pod_uid(wanted.pod_uid);
    params.set_pod_namespace(wanted.facts.namespace_name);
    params.set_pod_name(wanted.facts.name);
    params.set_csr(Text(wanted.csr));
    params.set_workload_token(Text(wanted.facts.token.RevealSecret()));
  }
  return out;
}

}  // namespace signet::upstream
