#include <algorithm>
#include <limits>
#include <ostream>

#include "ca/cmd/commands.h"
#include "ca/cmd/entry_file.h"
#include "core/spiffe/trust_domain.h"
#include "spire/api/server/entry/v1/entry.pb.h"

namespace signet::ca_cmd {
namespace {

namespace entry_v1 = spire::api::server::entry::v1;
using spire::api::types::Entry;

constexpr std::string_view kService = "/spire.api.server.entry.v1.Entry/";
constexpr std::size_t kBatch = 500;  // keeps every message far below the server's 4 MiB

std::string Method(std::string_view name) { return std::string(kService) + std::string(name); }

Result<std::string> ReadForeign(const std::string& text) {
  SIGNET_TRY_ASSIGN(const auto trust_domain,
                    spiffe::TrustDomain::ParseNameOrId(text).Context("-federatesWith"));
  return trust_domain.name();
}

Status ReadLists(const config::FlagValues& flags, Entry& entry) {
  if (flags.All("selector").empty()) {
    return InvalidArgument("at least one -selector is required");
  }
  for (const std::string& text : flags.All("selector")) {
    SIGNET_TRY(ParseSelector(text, *entry.add_selectors()).Context("-selector"));
  }
  for (const std::string& text : flags.All("federatesWith")) {
    SIGNET_TRY_ASSIGN(*entry.add_federates_with(), ReadForeign(text));
  }
  for (const std::string& text : flags.All("dns")) {
    entry.add_dns_names(text);
  }
  return {};
}

Status ReadNumbers(const config::FlagValues& flags, Entry& entry) {
  constexpr std::int64_t kMaxTtl = std::numeric_limits<std::int32_t>::max();
  SIGNET_TRY_ASSIGN(const std::int64_t x509_ttl, ReadNumber(flags, "x509SVIDTTL", kMaxTtl));
  SIGNET_TRY_ASSIGN(const std::int64_t jwt_ttl, ReadNumber(flags, "jwtSVIDTTL", kMaxTtl));
  SIGNET_TRY_ASSIGN(const std::int64_t expiry,
                    ReadNumber(flags, "entryExpiry", std::numeric_limits<std::int64_t>::max()));
  entry.set_x509_svid_ttl(static_cast<std::int32_t>(x509_ttl));
  entry.set_jwt_svid_ttl(static_cast<std::int32_t>(jwt_ttl));
  entry.set_expires_at(expiry);
  return {};
}

// ReadEntry reads what create and update share; the parent ID is theirs.
Result<Entry> ReadEntry(const config::FlagValues& flags) {
  Entry entry;
  entry.set_id(flags.Get("entryID"));
  SIGNET_TRY(ReadId(flags, "spiffeID", *entry.mutable_spiffe_id()));
  SIGNET_TRY(ReadLists(flags, entry));
  SIGNET_TRY(ReadNumbers(flags, entry));
  entry.set_admin(flags.GetBool("admin"));
  entry.set_downstream(flags.GetBool("downstream"));
  entry.set_store_svid(flags.GetBool("storeSVID"));
  entry.set_hint(flags.Get("hint"));
  if (flags.Given("disableX509SVIDPrefetch")) {
    entry.mutable_additional_attributes()->set_disable_x509_svid_prefetch(
        flags.GetBool("disableX509SVIDPrefetch"));
  }
  if (flags.Given("jwtSVIDIncludeJTI")) {
    entry.mutable_additional_attributes()->set_jwt_svid_include_jti(
        flags.GetBool("jwtSVIDIncludeJTI"));
  }
  return entry;
}

Result<std::vector<Entry>> ReadData(Session& session) {
  const std::string path = session.flags.Get("data");
  SIGNET_TRY_ASSIGN(const std::string text, ReadInput(path, session.io));
  return ParseEntryFile(text).Context(path == "-" ? "standard input" : path);
}

// SendBatches sends the items in batches and gathers all results; add(request, i) puts item i in.
template <class Request, class Response>
Status SendBatches(Session& session, const std::string& method, std::size_t count,
                   const std::function<void(Request&, std::size_t)>& add, Response& all) {
  for (std::size_t at = 0; at < count; at += kBatch) {
    const std::size_t end = std::min(count, at + kBatch);
    Request request;
    for (std::size_t i = at; i < end; ++i) {
      add(request, i);
    }
    Response response;
    SIGNET_TRY(session.Call(method, request, response)
                   .Context("items " + std::to_string(at + 1) + " to " + std::to_string(end)));
    if (static_cast<std::size_t>(response.results_size()) != end - at) {
      return Internal("the server answered " + std::to_string(response.results_size()) +
                      " results to " + std::to_string(end - at) + " items");
    }
    all.MergeFrom(response);
  }
  return {};
}

// FinishWrite prints what became of each entry; a failed one is shown as it was asked for.
template <class Response>
Status FinishWrite(Session& session, const std::string& verb, const std::vector<Entry>& asked,
                   Response& response) {
  bool failed = false;
  for (int i = 0; i < response.results_size(); ++i) {
    auto* result = response.mutable_results(i);
    if (result->status().code() != 0) {
      failed = true;
      *result->mutable_entry() = asked[static_cast<std::size_t>(i)];
    }
  }
  SIGNET_TRY(session.Print(response, [&]() -> Status {
    for (const auto& result : response.results()) {
      if (result.status().code() == 0) {
        PrintEntry(result.entry(), session.io.out);
      }
    }
    for (const auto& result : response.results()) {
      if (result.status().code() != 0) {
        session.io.err << "Failed to " << verb << " the following entry ("
                       << StatusText(result.status()) << "):\n";
        PrintEntry(result.entry(), session.io.err);
      }
    }
    return {};
  }));
  return failed ? Status(Error{Code::kUnknown, "failed to " + verb + " one or more entries"})
                : Status();
}

Result<Entry> ReadNewEntry(const config::FlagValues& flags) {
  if (flags.GetBool("node") && !flags.All("federatesWith").empty()) {
    return InvalidArgument("-node and -federatesWith do not go together");
  }
  SIGNET_TRY_ASSIGN(Entry entry, ReadEntry(flags));
  if (flags.GetBool("node")) {
    entry.mutable_parent_id()->set_trust_domain(entry.spiffe_id().trust_domain());
    entry.mutable_parent_id()->set_path("/spire/server");
    return entry;
  }
  SIGNET_TRY(ReadId(flags, "parentID", *entry.mutable_parent_id()));
  return entry;
}

Status Create(Session& session) {
  std::vector<Entry> entries;
  if (session.flags.Given("data")) {
    SIGNET_TRY_ASSIGN(entries, ReadData(session));
  } else {
    SIGNET_TRY_ASSIGN(Entry entry, ReadNewEntry(session.flags));
    entries.push_back(std::move(entry));
  }
  entry_v1::BatchCreateEntryResponse response;
  SIGNET_TRY((SendBatches<entry_v1::BatchCreateEntryRequest>(
      session, Method("BatchCreateEntry"), entries.size(),
      [&](auto& request, std::size_t i) { *request.add_entries() = entries[i]; }, response)));
  return FinishWrite(session, "create", entries, response);
}

// KeepAttributes carries over the attributes that no flag states: an update replaces them all.
Status KeepAttributes(Session& session, Entry& entry) {
  entry_v1::GetEntryRequest request;
  request.set_id(entry.id());
  Entry existing;
  SIGNET_TRY(session.Call(Method("GetEntry"), request, existing));
  auto attributes = existing.additional_attributes();
  if (session.flags.Given("disableX509SVIDPrefetch")) {
    attributes.set_disable_x509_svid_prefetch(
        entry.additional_attributes().disable_x509_svid_prefetch());
  }
  if (session.flags.Given("jwtSVIDIncludeJTI")) {
    attributes.set_jwt_svid_include_jti(entry.additional_attributes().jwt_svid_include_jti());
  }
  *entry.mutable_additional_attributes() = attributes;
  return {};
}

Status Update(Session& session) {
  std::vector<Entry> entries;
  if (session.flags.Given("data")) {
    SIGNET_TRY_ASSIGN(entries, ReadData(session));
  } else {
    if (!session.flags.Given("entryID")) {
      return InvalidArgument("-entryID is required");
    }
    SIGNET_TRY_ASSIGN(Entry entry, ReadEntry(session.flags));
    SIGNET_TRY(ReadId(session.flags, "parentID", *entry.mutable_parent_id()));
    if (entry.has_additional_attributes()) {
      SIGNET_TRY(KeepAttributes(session, entry));
    }
    entries.push_back(std::move(entry));
  }
  entry_v1::BatchUpdateEntryResponse response;
  SIGNET_TRY((SendBatches<entry_v1::BatchUpdateEntryRequest>(
      session, Method("BatchUpdateEntry"), entries.size(),
      [&](auto& request, std::size_t i) { *request.add_entries() = entries[i]; }, response)));
  return FinishWrite(session, "update", entries, response);
}

void PrintDeleted(const entry_v1::BatchDeleteEntryResponse& response, config::Io& io) {
  std::size_t deleted = 0;
  for (const auto& result : response.results()) {
    if (result.status().code() == 0) {
      ++deleted;
      io.out << "Deleted entry with ID: " << result.id() << "\n";
    } else {
      io.err << "Failed to delete entry with ID " << result.id() << " ("
             << StatusText(result.status()) << ")\n";
    }
  }
  io.out << "Deleted " << deleted << " entries successfully\n";
}

Status Delete(Session& session) {
  std::vector<std::string> ids;
  if (session.flags.Given("file")) {
    SIGNET_TRY_ASSIGN(const std::string text, ReadInput(session.flags.Get("file"), session.io));
    SIGNET_TRY_ASSIGN(ids, ParseIdFile(text));
  } else if (session.flags.Given("entryID")) {
    ids.push_back(session.flags.Get("entryID"));
  } else {
    return InvalidArgument("-entryID or -file is required");
  }
  entry_v1::BatchDeleteEntryResponse response;
  SIGNET_TRY((SendBatches<entry_v1::BatchDeleteEntryRequest>(
      session, Method("BatchDeleteEntry"), ids.size(),
      [&](auto& request, std::size_t i) { request.add_ids(ids[i]); }, response)));
  SIGNET_TRY(session.Print(response, [&]() -> Status {
    PrintDeleted(response, session.io);
    return {};
  }));
  const bool failed = std::any_of(response.results().begin(), response.results().end(),
                                  [](const auto& result) { return result.status().code() != 0; });
  return failed ? Status(Error{Code::kUnknown, "failed to delete one or more entries"}) : Status();
}

std::vector<config::Flag> EntryFlags() {
  return {
      {.name = "entryID", .help = "ID of the entry. For a new one the server makes it up."},
      {.name = "parentID", .help = "SPIFFE ID of the agent, or node alias, that may issue it."},
      {.name = "spiffeID", .help = "SPIFFE ID that the entry gives."},
      {.name = "selector",
       .help = "A type:value selector, all of which must hold.",
       .repeated = true},
      {.name = "x509SVIDTTL",
       .help = "Life of its X509-SVIDs in seconds; 0: the server's default.",
       .default_value = "0"},
      {.name = "jwtSVIDTTL",
       .help = "Life of its JWT-SVIDs in seconds; 0: the server's default.",
       .default_value = "0"},
      {.name = "dns", .help = "DNS name in its X509-SVIDs.", .repeated = true},
      {.name = "federatesWith",
       .help = "Trust domain whose bundle the workload gets too.",
       .repeated = true},
      {.name = "admin", .help = "The ID may administer the server.", .boolean = true},
      {.name = "downstream", .help = "The ID is that of a downstream server.", .boolean = true},
      {.name = "storeSVID", .help = "SVIDs go to a store, not to a workload.", .boolean = true},
      {.name = "entryExpiry",
       .help = "Unix time after which the entry is deleted; 0: never.",
       .default_value = "0"},
      {.name = "hint", .help = "Tells several identities of one workload apart."},
      {.name = "disableX509SVIDPrefetch",
       .help = "Agents issue the X509-SVID only when it is asked for.",
       .boolean = true},
      {.name = "jwtSVIDIncludeJTI", .help = "Its JWT-SVIDs carry a jti claim.", .boolean = true},
      {.name = "data",
       .help = "JSON file {\"entries\": […]}, - for standard input; other flags are ignored."},
  };
}

}  // namespace

std::vector<Verb> EntryVerbs() {
  std::vector<config::Flag> create_flags = EntryFlags();
  create_flags.push_back({.name = "node",
                          .help = "The entry is an alias for the nodes that its selectors match.",
                          .boolean = true});
  return {
      {"entry create", "Creates registration entries.", create_flags, Create},
      {"entry update", "Replaces registration entries.", EntryFlags(), Update},
      {"entry delete",
       "Deletes registration entries.",
       {{.name = "entryID", .help = "ID of the entry."},
        {.name = "file", .help = "JSON file {\"ids\": […]}, - for standard input."}},
       Delete},
  };
}

}  // namespace signet::ca_cmd
