#include "ca/service/entry_filter.h"

#include <algorithm>

namespace signet::service {

using spiffe::TrustDomain;

Result<ParsedEntryFilter> ParseEntryFilter(const EntryFilter& filter,
                                           const TrustDomain& trust_domain) {
  ParsedEntryFilter parsed;
  if (filter.spiffe_id) {
    SIGNET_TRY_ASSIGN(
        parsed.spiffe_id,
        ParseWorkloadId(filter.spiffe_id, trust_domain).Context("malformed SPIFFE ID filter"));
  }
  if (filter.parent_id) {
    SIGNET_TRY_ASSIGN(
        parsed.parent_id,
        ParseMemberId(filter.parent_id, trust_domain).Context("malformed parent ID filter"));
  }
  if (filter.selectors) {
    if (filter.selectors->selectors.empty()) {
      return InvalidArgument("malformed selectors filter: empty selector set");
    }
    SIGNET_TRY_ASSIGN(
        parsed.selectors,
        ParseSelectors(filter.selectors->selectors).Context("malformed selectors filter"));
    parsed.selector_match = filter.selectors->match;
  }
  if (filter.federates_with) {
    if (filter.federates_with->trust_domains.empty()) {
      return InvalidArgument("malformed federates with filter: empty trust domain set");
    }
    parsed.federates_with.emplace();
    for (const std::string& name : filter.federates_with->trust_domains) {
      SIGNET_TRY_ASSIGN(TrustDomain federated, TrustDomain::ParseNameOrId(name).Context(
                                                   "malformed federates with filter"));
      parsed.federates_with->push_back(std::move(federated));
    }
    parsed.federates_match = filter.federates_with->match;
  }
  parsed.hint = filter.hint;
  parsed.only_downstream = filter.only_downstream;
  return parsed;
}

bool ParsedEntryFilter::Matches(const store::Entry& entry) const {
  return (!spiffe_id || entry.spiffe_id == *spiffe_id) &&
         (!parent_id || entry.parent_id == *parent_id) &&
         (!selectors || MatchesSet(selector_match, *selectors, entry.selectors)) &&
         (!federates_with || MatchesSet(federates_match, *federates_with, entry.federates_with)) &&
         (hint.empty() || entry.hint == hint) && (!only_downstream || entry.downstream);
}

}  // namespace signet::service
