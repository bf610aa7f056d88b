#include "workload-api/authorizer/trust.h"

#include <algorithm>

namespace signet::authorizer {
namespace {

bool Names(const crypto::Certificate& certificate, const crypto::Certificate& authority) {
  const bool same_key = certificate.authority_key_id.empty() || authority.subject_key_id.empty() ||
                        certificate.authority_key_id == authority.subject_key_id;
  return certificate.issuer == authority.subject && same_key;
}

Result<std::shared_ptr<const Authorities>> Make(const spiffe::TrustDomain& trust_domain,
                                                std::shared_ptr<const Bytes> bundle) {
  auto out = std::make_shared<Authorities>();
  SIGNET_TRY_ASSIGN(out->certificates, crypto::ParseCertificateList(*bundle));
  spiffe::Bundle authorities{.trust_domain = trust_domain};
  for (const crypto::Certificate& certificate : out->certificates) {
    authorities.x509_authorities.push_back({.der = certificate.der});
  }
  SIGNET_TRY_ASSIGN(out->store, crypto::TrustStore::Create(authorities));
  out->bundle = std::move(bundle);
  return std::shared_ptr<const Authorities>(std::move(out));
}

}  // namespace

bool Authorities::Anchors(const std::vector<crypto::Certificate>& chain) const {
  return std::any_of(chain.begin(), chain.end(), [&](const crypto::Certificate& link) {
    return std::any_of(certificates.begin(), certificates.end(), [&](const auto& authority) {
      return link.der == authority.der || Names(link, authority);
    });
  });
}

std::optional<SystemTime> Authorities::NextExpiry(SystemTime now) const {
  std::optional<SystemTime> next;
  for (const crypto::Certificate& authority : certificates) {
    if (authority.not_after > now && (!next || authority.not_after < *next)) {
      next = authority.not_after;
    }
  }
  return next;
}

Result<std::shared_ptr<const Authorities>> Trust::Of(const svids::Snapshot& snapshot,
                                                     const spiffe::TrustDomain& trust_domain) {
  const auto now = snapshot.bundles.find(trust_domain);
  if (now == snapshot.bundles.end() || now->second == nullptr) {
    known_.erase(trust_domain);
    return NotFound("the agent has no bundle of " + trust_domain.name());
  }
  const auto known = known_.find(trust_domain);
  // `known` holds the bytes, so that their address cannot come to mean others.
  if (known != known_.end() && known->second->bundle == now->second) {
    return known->second;
  }
  auto made = Make(trust_domain, now->second);
  if (!made.ok()) {
    return Internal("the bundle of " + trust_domain.name() +
                    " cannot be used: " + made.error().message);
  }
  known_.insert_or_assign(trust_domain, *made);
  return made;
}

}  // namespace signet::authorizer
