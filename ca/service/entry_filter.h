#pragma once

#include <functional>
#include <optional>

#include "ca/service/entries.h"

namespace signet::service {

/// ParsedEntryFilter is a filter whose every part was checked.
struct ParsedEntryFilter {
  std::optional<spiffe::SpiffeId> spiffe_id = {};
  std::optional<spiffe::SpiffeId> parent_id = {};
  std::optional<std::vector<spiffe::Selector>> selectors = {};
  Match selector_match = Match::kExact;
  std::optional<std::vector<spiffe::TrustDomain>> federates_with = {};
  Match federates_match = Match::kExact;
  std::string hint = {};
  bool only_downstream = false;

  bool Matches(const store::Entry& entry) const;
};

Result<ParsedEntryFilter> ParseEntryFilter(const EntryFilter& filter,
                                           const spiffe::TrustDomain& trust_domain);

}  // namespace signet::service
