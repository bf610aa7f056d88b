#include "ca/rpc/convert.h"

namespace signet::ca_rpc {
namespace {

Bytes FromBytes(const std::string& text) { return ToBytes(text); }

std::string ToWire(ByteView bytes) { return ToString(bytes); }

}  // namespace

service::IdText FromId(const types::SPIFFEID& id) { return {id.trust_domain(), id.path()}; }

void SetId(types::SPIFFEID* out, const spiffe::SpiffeId& id) {
  out->set_trust_domain(id.trust_domain().name());
  out->set_path(id.path());
}

std::vector<service::SelectorText> FromSelectors(
    const google::protobuf::RepeatedPtrField<types::Selector>& selectors) {
  std::vector<service::SelectorText> texts;
  texts.reserve(static_cast<std::size_t>(selectors.size()));
  for (const types::Selector& selector : selectors) {
    texts.push_back({selector.type(), selector.value()});
  }
  return texts;
}

Result<service::Match> FromMatch(int match) {
  if (match < 0 || match > static_cast<int>(service::Match::kAny)) {
    return InvalidArgument("match behavior " + std::to_string(match) + " is not known");
  }
  return static_cast<service::Match>(match);
}

service::EntryInput FromEntry(const types::Entry& entry) {
  service::EntryInput input{
      .id = entry.id(),
      .spiffe_id = FromOptionalId(entry.has_spiffe_id(), entry.spiffe_id()),
      .parent_id = FromOptionalId(entry.has_parent_id(), entry.parent_id()),
      .selectors = FromSelectors(entry.selectors()),
      .x509_svid_ttl = entry.x509_svid_ttl(),
      .jwt_svid_ttl = entry.jwt_svid_ttl(),
      .federates_with = {entry.federates_with().begin(), entry.federates_with().end()},
      .admin = entry.admin(),
      .downstream = entry.downstream(),
      .store_svid = entry.store_svid(),
      .expires_at = entry.expires_at(),
      .dns_names = {entry.dns_names().begin(), entry.dns_names().end()},
      .hint = entry.hint(),
  };
  if (entry.has_additional_attributes()) {
    input.additional_attributes =
        store::AdditionalAttributes{entry.additional_attributes().disable_x509_svid_prefetch(),
                                    entry.additional_attributes().jwt_svid_include_jti()};
  }
  return input;
}

service::EntryFields FromEntryMask(const types::EntryMask* mask) {
  if (mask == nullptr) {
    return {};
  }
  return {.spiffe_id = mask->spiffe_id(),
          .parent_id = mask->parent_id(),
          .selectors = mask->selectors(),
          .x509_svid_ttl = mask->x509_svid_ttl(),
          .jwt_svid_ttl = mask->jwt_svid_ttl(),
          .federates_with = mask->federates_with(),
          .admin = mask->admin(),
          .downstream = mask->downstream(),
          .store_svid = mask->store_svid(),
          .expires_at = mask->expires_at(),
          .dns_names = mask->dns_names(),
          .hint = mask->hint(),
          .additional_attributes = mask->additional_attributes()};
}

namespace {

void SetEntryLists(types::Entry* out, const store::Entry& entry, const types::EntryMask* mask) {
  if (mask == nullptr || mask->selectors()) {
    for (const spiffe::Selector& selector : entry.selectors) {
      types::Selector* added = out->add_selectors();
      added->set_type(selector.type);
      added->set_value(selector.value);
    }
  }
  if (mask == nullptr || mask->federates_with()) {
    for (const spiffe::TrustDomain& trust_domain : entry.federates_with) {
      out->add_federates_with(trust_domain.name());
    }
  }
  if (mask == nullptr || mask->dns_names()) {
    for (const std::string& name : entry.dns_names) {
      out->add_dns_names(name);
    }
  }
  if ((mask == nullptr || mask->additional_attributes()) && entry.additional_attributes) {
    auto* attributes = out->mutable_additional_attributes();
    attributes->set_disable_x509_svid_prefetch(
        entry.additional_attributes->disable_x509_svid_prefetch);
    attributes->set_jwt_svid_include_jti(entry.additional_attributes->jwt_svid_include_jti);
  }
}

}  // namespace

void SetEntry(types::Entry* out, const store::Entry& entry, const types::EntryMask* mask) {
  const types::EntryMask& m = mask == nullptr ? types::EntryMask::default_instance() : *mask;
  const bool all = mask == nullptr;
  out->set_id(entry.id);
  if (all || m.spiffe_id()) {
    SetId(out->mutable_spiffe_id(), entry.spiffe_id);
  }
  if (all || m.parent_id()) {
    SetId(out->mutable_parent_id(), entry.parent_id);
  }
  if (all || m.x509_svid_ttl()) {
    out->set_x509_svid_ttl(entry.x509_svid_ttl);
  }
  if (all || m.jwt_svid_ttl()) {
    out->set_jwt_svid_ttl(entry.jwt_svid_ttl);
  }
  out->set_admin((all || m.admin()) && entry.admin);
  out->set_downstream((all || m.downstream()) && entry.downstream);
  out->set_store_svid((all || m.store_svid()) && entry.store_svid);
  out->set_expires_at(all || m.expires_at() ? entry.expires_at : 0);
  out->set_revision_number(all || m.revision_number() ? entry.revision_number : 0);
  out->set_created_at(all || m.created_at() ? entry.created_at : 0);
  if (all || m.hint()) {
    out->set_hint(entry.hint);
  }
  SetEntryLists(out, entry, mask);
}

void SetAgent(types::Agent* out, const store::Agent& agent, const types::AgentMask* mask) {
  const bool all = mask == nullptr;
  SetId(out->mutable_id(), agent.id);
  if (all || mask->attestation_type()) {
    out->set_attestation_type(agent.attestation_type);
  }
  if (all || mask->x509svid_serial_number()) {
    out->set_x509svid_serial_number(agent.serial);
  }
  if (all || mask->x509svid_expires_at()) {
    out->set_x509svid_expires_at(agent.not_after);
  }
  if (all || mask->selectors()) {
    for (const spiffe::Selector& selector : agent.selectors) {
      types::Selector* added = out->add_selectors();
      added->set_type(selector.type);
      added->set_value(selector.value);
    }
  }
  out->set_banned((all || mask->banned()) && agent.banned());
  out->set_can_reattest((all || mask->can_reattest()) && agent.can_reattest);
  if (all || mask->agent_version()) {
    out->set_agent_version(agent.version);
  }
}

spiffe::JwtAuthority FromJwtKey(const types::JWTKey& key) {
  return {FromBytes(key.public_key()), key.key_id(), key.expires_at(), false};
}

service::BundleInput FromBundle(const types::Bundle& bundle) {
  service::BundleInput input{.trust_domain = bundle.trust_domain(),
                             .refresh_hint = bundle.refresh_hint(),
                             .sequence_number = bundle.sequence_number()};
  for (const types::X509Certificate& certificate : bundle.x509_authorities()) {
    input.x509_authorities.push_back(FromBytes(certificate.asn1()));
  }
  for (const types::JWTKey& key : bundle.jwt_authorities()) {
    input.jwt_authorities.push_back(FromJwtKey(key));
  }
  return input;
}

service::BundleFields FromBundleMask(const types::BundleMask* mask) {
  if (mask == nullptr) {
    return {};
  }
  return {.x509_authorities = mask->x509_authorities(),
          .jwt_authorities = mask->jwt_authorities(),
          .refresh_hint = mask->refresh_hint(),
          .sequence_number = mask->sequence_number()};
}

void SetBundle(types::Bundle* out, const spiffe::Bundle& bundle, const types::BundleMask* mask) {
  const bool all = mask == nullptr;
  out->set_trust_domain(bundle.trust_domain.name());
  if (all || mask->x509_authorities()) {
    for (const spiffe::X509Authority& authority : bundle.x509_authorities) {
      types::X509Certificate* added = out->add_x509_authorities();
      added->set_asn1(ToWire(authority.der));
      added->set_tainted(authority.tainted);
    }
  }
  if (all || mask->jwt_authorities()) {
    for (const spiffe::JwtAuthority& authority : bundle.jwt_authorities) {
      types::JWTKey* added = out->add_jwt_authorities();
      added->set_public_key(ToWire(authority.spki));
      added->set_key_id(authority.key_id);
      added->set_expires_at(authority.expires_at);
      added->set_tainted(authority.tainted);
    }
  }
  out->set_refresh_hint(all || mask->refresh_hint() ? bundle.refresh_hint_seconds : 0);
  out->set_sequence_number(all || mask->sequence_number() ? bundle.sequence : 0);
}

void SetX509Svid(types::X509SVID* out, const spiffe::SpiffeId& id,
                 const issuance::IssuedSvid& svid) {
  for (const Bytes& certificate : svid.chain) {
    out->add_cert_chain(ToWire(certificate));
  }
  SetId(out->mutable_id(), id);
  out->set_expires_at(UnixSeconds(svid.not_after));
}

}  // namespace signet::ca_rpc
