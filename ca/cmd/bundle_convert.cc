#include "ca/cmd/bundle_convert.h"

#include "core/base/bytes.h"
#include "spire/api/types/bundle.pb.h"

namespace signet::ca_cmd {

Result<spiffe::Bundle> BundleFromProto(const spire::api::types::Bundle& bundle) {
  SIGNET_TRY_ASSIGN(auto trust_domain, spiffe::TrustDomain::ParseNameOrId(bundle.trust_domain()));
  spiffe::Bundle out{.trust_domain = std::move(trust_domain)};
  for (const auto& authority : bundle.x509_authorities()) {
    out.x509_authorities.push_back({ToBytes(authority.asn1()), authority.tainted()});
  }
  for (const auto& key : bundle.jwt_authorities()) {
    out.jwt_authorities.push_back(
        {ToBytes(key.public_key()), key.key_id(), key.expires_at(), key.tainted()});
  }
  out.sequence = bundle.sequence_number();
  out.refresh_hint_seconds = bundle.refresh_hint();
  return out;
}

void BundleToProto(const spiffe::Bundle& bundle, spire::api::types::Bundle& out) {
  out.set_trust_domain(bundle.trust_domain.name());
  for (const auto& authority : bundle.x509_authorities) {
    out.add_x509_authorities()->set_asn1(ToString(authority.der));
  }
  for (const auto& authority : bundle.jwt_authorities) {
    auto* key = out.add_jwt_authorities();
    key->set_public_key(ToString(authority.spki));
    key->set_key_id(authority.key_id);
    key->set_expires_at(authority.expires_at);
  }
  out.set_sequence_number(bundle.sequence);
  out.set_refresh_hint(bundle.refresh_hint_seconds);
}

}  // namespace signet::ca_cmd
