#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/spiffe/selector.h"
#include "core/spiffe/spiffe_id.h"

namespace signet::service {

/// IdText is a SPIFFE ID as it comes from the wire: not checked yet.
struct IdText {
  std::string trust_domain;
  std::string path;
};

/// SelectorText is a selector as it comes from the wire.
struct SelectorText {
  std::string type;
  std::string value;
};

/// ParseId checks an ID of any trust domain; a missing one is an error.
Result<spiffe::SpiffeId> ParseId(const std::optional<IdText>& text);
/// ParseMemberId: an ID of the trust domain with a path (a parent may be a server or an agent).
Result<spiffe::SpiffeId> ParseMemberId(const std::optional<IdText>& text,
                                       const spiffe::TrustDomain& trust_domain);
/// ParseWorkloadId: a member ID that is not reserved (not /spire nor below).
Result<spiffe::SpiffeId> ParseWorkloadId(const std::optional<IdText>& text,
                                         const spiffe::TrustDomain& trust_domain);
/// CheckWorkloadId is ParseWorkloadId's rule for an ID that is parsed already.
Status CheckWorkloadId(const spiffe::SpiffeId& id, const spiffe::TrustDomain& trust_domain);
/// ParseAgentId: a member ID below /spire/agent/.
Result<spiffe::SpiffeId> ParseAgentId(const std::optional<IdText>& text,
                                      const spiffe::TrustDomain& trust_domain);
Result<std::vector<spiffe::Selector>> ParseSelectors(const std::vector<SelectorText>& texts);

/// Match compares sets as the API's filters do (spire-api §5).
enum class Match { kExact = 0, kSubset = 1, kSuperset = 2, kAny = 3 };

/// MatchesSet: have is the record's set, wanted the filter's; duplicates do not count.
template <class T>
bool MatchesSet(Match match, const std::vector<T>& wanted, const std::vector<T>& have) {
  const auto contains = [](const std::vector<T>& set, const T& item) {
    for (const T& other : set) {
      if (other == item) {
        return true;
      }
    }
    return false;
  };
  std::size_t wanted_in_have = 0;
  for (const T& item : wanted) {
    wanted_in_have += contains(have, item) ? 1 : 0;
  }
  std::size_t have_in_wanted = 0;
  for (const T& item : have) {
    have_in_wanted += contains(wanted, item) ? 1 : 0;
  }
  switch (match) {
    case Match::kExact:
      return wanted_in_have == wanted.size() && have_in_wanted == have.size();
    case Match::kSubset:
      return !have.empty() && have_in_wanted == have.size();
    case Match::kSuperset:
      return wanted_in_have == wanted.size();
    case Match::kAny:
      return wanted_in_have > 0;
  }
  return false;
}

/// PageRequest and Page: rows with an internal number above the token, ascending; the token names
/// the last row of the page, so that a scan ends with an empty page (spire-api §5).
struct PageRequest {
  std::int32_t size = 0;  ///< ≤ 0: everything, the token is ignored
  std::string token = {};
};

template <class Record>
struct Page {
  std::vector<Record> items = {};
  std::string next_token = {};
};

/// ParsePageToken: a malformed token is INTERNAL, as the API has it.
Result<std::int64_t> ParsePageToken(const PageRequest& page);

/// CollectPage reads rows in steps by fetch(after_row, limit) and keeps those that match.
template <class Record, class Fetch, class Matches>
Result<Page<Record>> CollectPage(const PageRequest& request, Fetch fetch, Matches matches) {
  constexpr std::size_t kStep = 1024;
  SIGNET_TRY_ASSIGN(std::int64_t row, ParsePageToken(request));
  const bool paged = request.size > 0;
  Page<Record> page;
  for (;;) {
    const std::vector<Record> rows = fetch(row, kStep);
    for (const Record& record : rows) {
      row = record->row;
      if (!matches(*record)) {
        continue;
      }
      page.items.push_back(record);
      if (paged && page.items.size() == static_cast<std::size_t>(request.size)) {
        page.next_token = std::to_string(row);
        return page;
      }
    }
    if (rows.size() < kStep) {
      page.next_token = paged && !page.items.empty() ? std::to_string(row) : std::string();
      return page;
    }
  }
}

}  // namespace signet::service
