#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ca/issuance/x509_issuer.h"
#include "ca/service/bundles.h"
#include "ca/service/entry_rules.h"
#include "ca/service/input.h"
#include "ca/store/records.h"
#include "spire/api/types/agent.pb.h"
#include "spire/api/types/bundle.pb.h"
#include "spire/api/types/entry.pb.h"
#include "spire/api/types/selector.pb.h"
#include "spire/api/types/spiffeid.pb.h"
#include "spire/api/types/x509svid.pb.h"

namespace signet::ca_rpc {

namespace types = spire::api::types;

/// OutputMaskOf gives a request's mask, or null when it has none, which means all fields (spire-api
/// §5).
template <class Message>
auto OutputMaskOf(const Message& request) {
  return request.has_output_mask() ? &request.output_mask() : nullptr;
}

service::IdText FromId(const types::SPIFFEID& id);
/// FromOptionalId: an ID field that was not set stays missing.
inline std::optional<service::IdText> FromOptionalId(bool present, const types::SPIFFEID& id) {
  return present ? std::optional(FromId(id)) : std::nullopt;
}
void SetId(types::SPIFFEID* out, const spiffe::SpiffeId& id);

std::vector<service::SelectorText> FromSelectors(
    const google::protobuf::RepeatedPtrField<types::Selector>& selectors);
/// FromMatch: an unknown number is refused by the caller's filter check.
Result<service::Match> FromMatch(int match);

service::EntryInput FromEntry(const types::Entry& entry);
service::EntryFields FromEntryMask(const types::EntryMask* mask);
void SetEntry(types::Entry* out, const store::Entry& entry, const types::EntryMask* mask);

void SetAgent(types::Agent* out, const store::Agent& agent, const types::AgentMask* mask);

service::BundleInput FromBundle(const types::Bundle& bundle);
service::BundleFields FromBundleMask(const types::BundleMask* mask);
void SetBundle(types::Bundle* out, const spiffe::Bundle& bundle, const types::BundleMask* mask);
spiffe::JwtAuthority FromJwtKey(const types::JWTKey& key);

void SetX509Svid(types::X509SVID* out, const spiffe::SpiffeId& id,
                 const issuance::IssuedSvid& svid);

}  // namespace signet::ca_rpc
