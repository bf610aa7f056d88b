#include "ca/service/entry_rules.h"

#include <algorithm>
#include <set>
#include <utility>

#include "attestor/kubernetes/objects.h"
#include "ca/service/dns_name.h"

namespace signet::service {
namespace {

using spiffe::SpiffeId;
using spiffe::TrustDomain;

constexpr std::size_t kMaxEntryIdBytes = 255;
constexpr std::size_t kMaxHintBytes = 1024;
/// Bounds of lists, so that one entry cannot eat the server's memory; far above any use seen.
constexpr std::size_t kMaxSelectors = 256;
constexpr std::size_t kMaxNames = 1024;

template <class T>
bool HasDuplicates(const std::vector<T>& items) {
  return std::set<T>(items.begin(), items.end()).size() != items.size();
}

Result<std::vector<spiffe::Selector>> CheckSelectors(const std::vector<SelectorText>& texts) {
  if (texts.empty()) {
    return InvalidArgument("selector list is empty; an entry needs at least one selector");
  }
  if (texts.size() > kMaxSelectors) {
    return InvalidArgument("more than 256 selectors");
  }
  SIGNET_TRY_ASSIGN(std::vector<spiffe::Selector> selectors, ParseSelectors(texts));
  if (HasDuplicates(selectors)) {
    return AlreadyExists("the same selector is given twice");
  }
  return selectors;
}

Result<std::vector<std::string>> CheckDnsNames(const std::vector<std::string>& names) {
  if (names.size() > kMaxNames) {
    return InvalidArgument("more than 1024 DNS names");
  }
  for (const std::string& name : names) {
    SIGNET_TRY(ValidateDnsName(name));
  }
  if (HasDuplicates(names)) {
    return AlreadyExists("the same DNS name is given twice");
  }
  return names;
}

Result<std::vector<TrustDomain>> CheckFederatesWith(const std::vector<std::string>& names) {
  if (names.size() > kMaxNames) {
    return InvalidArgument("more than 1024 federated trust domains");
  }
  std::vector<TrustDomain> trust_domains;
  for (const std::string& name : names) {
    SIGNET_TRY_ASSIGN(TrustDomain trust_domain,
                      TrustDomain::ParseNameOrId(name).Context("invalid federated trust domain"));
    if (std::find(trust_domains.begin(), trust_domains.end(), trust_domain) ==
        trust_domains.end()) {
      trust_domains.push_back(std::move(trust_domain));
    }
  }
  return trust_domains;
}

Result<std::int32_t> CheckTtl(std::int32_t seconds, const char* field) {
  if (seconds < 0) {
    return InvalidArgument(std::string(field) + " is negative; use 0 for the server's default");
  }
  return seconds;
}

/// CheckStoreSvid: what is pushed to a store has selectors of that one store.
Status CheckStoreSvid(const store::Entry& entry) {
  if (!entry.store_svid) {
    return {};
  }
  const bool one_type = std::all_of(
      entry.selectors.begin(), entry.selectors.end(),
      [&](const auto& selector) { return selector.type == entry.selectors.front().type; });
  if (!one_type) {
    return InvalidArgument("selector types must be the same when store_svid is set");
  }
  return {};
}

Status UpdateNames(store::Entry& entry, const EntryInput& input, const EntryFields& fields) {
  if (fields.selectors) {
    SIGNET_TRY_ASSIGN(entry.selectors, CheckSelectors(input.selectors));
  }
  if (fields.dns_names) {
    SIGNET_TRY_ASSIGN(entry.dns_names, CheckDnsNames(input.dns_names));
  }
  if (fields.federates_with) {
    SIGNET_TRY_ASSIGN(entry.federates_with, CheckFederatesWith(input.federates_with));
  }
  if (fields.hint) {
    if (input.hint.size() > kMaxHintBytes) {
      return InvalidArgument("hint is longer than 1024 bytes");
    }
    entry.hint = input.hint;
  }
  return {};
}

Status UpdateScalars(store::Entry& entry, const EntryInput& input, const EntryFields& fields) {
  if (fields.x509_svid_ttl) {
    SIGNET_TRY_ASSIGN(entry.x509_svid_ttl, CheckTtl(input.x509_svid_ttl, "X509-SVID TTL"));
  }
  if (fields.jwt_svid_ttl) {
    SIGNET_TRY_ASSIGN(entry.jwt_svid_ttl, CheckTtl(input.jwt_svid_ttl, "JWT-SVID TTL"));
  }
  if (fields.admin) {
    entry.admin = input.admin;
  }
  if (fields.downstream) {
    entry.downstream = input.downstream;
  }
  if (fields.store_svid) {
    entry.store_svid = input.store_svid;
  }
  if (fields.expires_at) {
    entry.expires_at = input.expires_at;
  }
  if (fields.additional_attributes) {
    entry.additional_attributes = input.additional_attributes;
  }
  return {};
}

}  // namespace

Status ValidateEntryId(const std::string& id) {
  if (id.empty()) {
    return InvalidArgument("entry ID is missing");
  }
  if (id.size() > kMaxEntryIdBytes) {
    return InvalidArgument("invalid entry ID: longer than 255 bytes");
  }
  const bool valid = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (!valid) {
    return InvalidArgument("invalid entry ID: only letters, digits, '.', '_' and '-' are allowed");
  }
  if (id.starts_with(kubernetes::kPodEntryPrefix)) {
    return InvalidArgument("invalid entry ID: \"" + std::string(kubernetes::kPodEntryPrefix) +
                           "\" begins the IDs of entries that are derived from pods");
  }
  return {};
}

Result<store::Entry> NewEntry(const EntryInput& input, const TrustDomain& trust_domain) {
  SIGNET_TRY_ASSIGN(SpiffeId spiffe_id,
                    ParseWorkloadId(input.spiffe_id, trust_domain).Context("invalid spiffe ID"));
  SIGNET_TRY_ASSIGN(SpiffeId parent_id,
                    ParseMemberId(input.parent_id, trust_domain).Context("invalid parent ID"));
  store::Entry entry{.id = {}, .spiffe_id = spiffe_id, .parent_id = parent_id};
  SIGNET_TRY(UpdateNames(entry, input, EntryFields{}));
  SIGNET_TRY(UpdateScalars(entry, input, EntryFields{}));
  SIGNET_TRY(CheckStoreSvid(entry));
  if (entry.store_svid && entry.additional_attributes &&
      entry.additional_attributes->disable_x509_svid_prefetch) {
    return InvalidArgument("store_svid and disable_x509_svid_prefetch exclude each other");
  }
  return entry;
}

Result<store::Entry> UpdatedEntry(const store::Entry& entry, const EntryInput& input,
                                  const EntryFields& fields, const TrustDomain& trust_domain) {
  store::Entry updated = entry;
  if (fields.spiffe_id) {
    SIGNET_TRY_ASSIGN(updated.spiffe_id,
                      ParseWorkloadId(input.spiffe_id, trust_domain).Context("invalid spiffe ID"));
  }
  if (fields.parent_id) {
    SIGNET_TRY_ASSIGN(updated.parent_id,
                      ParseMemberId(input.parent_id, trust_domain).Context("invalid parent ID"));
  }
  SIGNET_TRY(UpdateNames(updated, input, fields));
  SIGNET_TRY(UpdateScalars(updated, input, fields));
  SIGNET_TRY(CheckStoreSvid(updated));
  return updated;
}

}  // namespace signet::service
