#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ca/service/input.h"
#include "ca/store/records.h"
#include "core/base/result.h"

namespace signet::service {

/// EntryInput is an entry as an administrator sent it: nothing is checked yet.
struct EntryInput {
  std::string id = {};
  std::optional<IdText> spiffe_id = {};
  std::optional<IdText> parent_id = {};
  std::vector<SelectorText> selectors = {};
  std::int32_t x509_svid_ttl = 0;
  std::int32_t jwt_svid_ttl = 0;
  std::vector<std::string> federates_with = {};
  bool admin = false;
  bool downstream = false;
  bool store_svid = false;
  std::int64_t expires_at = 0;
  std::vector<std::string> dns_names = {};
  std::string hint = {};
  std::optional<store::AdditionalAttributes> additional_attributes = {};
};

/// EntryFields picks the fields that an update replaces; others are neither checked nor changed.
struct EntryFields {
  bool spiffe_id = true;
  bool parent_id = true;
  bool selectors = true;
  bool x509_svid_ttl = true;
  bool jwt_svid_ttl = true;
  bool federates_with = true;
  bool admin = true;
  bool downstream = true;
  bool store_svid = true;
  bool expires_at = true;
  bool dns_names = true;
  bool hint = true;
  bool additional_attributes = true;
};

/// ValidateEntryId: a custom id is 1 to 255 bytes of [A-Za-z0-9._-], and none that an entry derived
/// from a pod may have.
Status ValidateEntryId(const std::string& id);

/// NewEntry checks every field of a new entry (spire-api §10.1) and gives the record without id,
/// row and times. INVALID_ARGUMENT names the field; duplicate selectors and DNS names are
/// ALREADY_EXISTS.
Result<store::Entry> NewEntry(const EntryInput& input, const spiffe::TrustDomain& trust_domain);

/// UpdatedEntry gives the entry with the picked fields replaced, each checked as on creation.
Result<store::Entry> UpdatedEntry(const store::Entry& entry, const EntryInput& input,
                                  const EntryFields& fields,
                                  const spiffe::TrustDomain& trust_domain);

}  // namespace signet::service
