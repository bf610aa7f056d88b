#include <algorithm>
#include <ostream>
#include <tuple>

#include "ca/cmd/commands.h"
#include "core/spiffe/trust_domain.h"
#include "spire/api/server/entry/v1/entry.pb.h"

namespace signet::ca_cmd {
namespace {

namespace entry_v1 = spire::api::server::entry::v1;
using spire::api::types::Entry;

constexpr std::string_view kService = "/spire.api.server.entry.v1.Entry/";

std::string Method(std::string_view name) { return std::string(kService) + std::string(name); }

// The filters of ListEntries and CountEntries are two messages with the same fields.
template <class Filter>
Status ReadFilter(const config::FlagValues& flags, Filter& filter) {
  if (flags.Given("parentID")) {
    SIGNET_TRY(ReadId(flags, "parentID", *filter.mutable_by_parent_id()));
  }
  if (flags.Given("spiffeID")) {
    SIGNET_TRY(ReadId(flags, "spiffeID", *filter.mutable_by_spiffe_id()));
  }
  SIGNET_TRY_ASSIGN(const int selector_match, ReadMatch(flags, "matchSelectorsOn"));
  for (const std::string& text : flags.All("selector")) {
    auto* by = filter.mutable_by_selectors();
    by->set_match(static_cast<spire::api::types::SelectorMatch::MatchBehavior>(selector_match));
    SIGNET_TRY(ParseSelector(text, *by->add_selectors()).Context("-selector"));
  }
  SIGNET_TRY_ASSIGN(const int domain_match, ReadMatch(flags, "matchFederatesWithOn"));
  for (const std::string& text : flags.All("federatesWith")) {
    auto* by = filter.mutable_by_federates_with();
    by->set_match(static_cast<spire::api::types::FederatesWithMatch::MatchBehavior>(domain_match));
    SIGNET_TRY_ASSIGN(const auto trust_domain,
                      spiffe::TrustDomain::ParseNameOrId(text).Context("-federatesWith"));
    by->add_trust_domains(trust_domain.name());
  }
  if (flags.Given("hint")) {
    filter.mutable_by_hint()->set_value(flags.Get("hint"));
  }
  // SPIRE's CLI hides downstream entries unless asked; entries that make authorities should be
  // seen.
  if (flags.Given("downstream")) {
    filter.mutable_by_downstream()->set_value(flags.GetBool("downstream"));
  }
  return {};
}

Status ListAll(Session& session, entry_v1::ListEntriesResponse& all) {
  constexpr int kPage = 500;  // SPIRE's largest page
  entry_v1::ListEntriesRequest request;
  SIGNET_TRY(ReadFilter(session.flags, *request.mutable_filter()));
  request.set_page_size(kPage);
  do {
    entry_v1::ListEntriesResponse page;
    SIGNET_TRY(session.Call(Method("ListEntries"), request, page));
    request.set_page_token(page.next_page_token());
    page.clear_next_page_token();
    all.MergeFrom(page);
  } while (!request.page_token().empty());
  std::sort(all.mutable_entries()->begin(), all.mutable_entries()->end(),
            [](const Entry& a, const Entry& b) {
              return std::tuple(IdText(a.spiffe_id()), IdText(a.parent_id()), a.id()) <
                     std::tuple(IdText(b.spiffe_id()), IdText(b.parent_id()), b.id());
            });
  return {};
}

Status Show(Session& session) {
  entry_v1::ListEntriesResponse response;
  if (session.flags.Given("entryID")) {
    for (const char* other : {"parentID", "spiffeID", "selector"}) {
      if (session.flags.Given(other)) {
        return InvalidArgument("-entryID names one entry; it does not go with -" +
                               std::string(other));
      }
    }
    entry_v1::GetEntryRequest request;
    request.set_id(session.flags.Get("entryID"));
    SIGNET_TRY(session.Call(Method("GetEntry"), request, *response.add_entries()));
  } else {
    SIGNET_TRY(ListAll(session, response));
  }
  return session.Print(response, [&]() -> Status {
    session.io.out << "Found " << Counted(response.entries_size(), "entry", "entries") << "\n";
    for (const Entry& entry : response.entries()) {
      PrintEntry(entry, session.io.out);
    }
    return {};
  });
}

Status Count(Session& session) {
  entry_v1::CountEntriesRequest request;
  SIGNET_TRY(ReadFilter(session.flags, *request.mutable_filter()));
  entry_v1::CountEntriesResponse response;
  SIGNET_TRY(session.Call(Method("CountEntries"), request, response));
  return session.Print(response, [&]() -> Status {
    session.io.out << Counted(response.count(), "registration entry", "registration entries")
                   << "\n";
    return {};
  });
}

std::vector<config::Flag> FilterFlags() {
  return {
      {.name = "parentID", .help = "Entries under this parent."},
      {.name = "spiffeID", .help = "Entries that give this ID."},
      {.name = "selector", .help = "Entries with a type:value selector.", .repeated = true},
      {.name = "matchSelectorsOn",
       .help = "How selectors match: exact, any, superset or subset.",
       .default_value = "superset"},
      {.name = "federatesWith",
       .help = "Entries that federate with a trust domain.",
       .repeated = true},
      {.name = "matchFederatesWithOn",
       .help = "How trust domains match: exact, any, superset or subset.",
       .default_value = "superset"},
      {.name = "downstream",
       .help = "Downstream entries alone (=false: the others).",
       .boolean = true},
      {.name = "hint", .help = "Entries with this hint."},
  };
}

}  // namespace

std::vector<Verb> EntryQueryVerbs() {
  std::vector<config::Flag> show_flags = FilterFlags();
  show_flags.push_back({.name = "entryID", .help = "The one entry with this ID."});
  return {
      {"entry show", "Shows registration entries.", show_flags, Show},
      {"entry count", "Counts registration entries.", FilterFlags(), Count},
  };
}

}  // namespace signet::ca_cmd
