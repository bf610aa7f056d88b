#include <utility>
#include <vector>

#include "ca/rpc/convert.h"
#include "ca/rpc/method_tables.h"
#include "ca/rpc/status.h"
#include "ca/rpc/unary.h"
#include "spire/api/server/entry/v1/entry.pb.h"

namespace signet::ca_rpc {
namespace {

namespace api = spire::api::server::entry::v1;
using rpc::AnswerOf;
using rpc::CallInfo;

/// FilterOf reads the filter of ListEntries and CountEntries, which have the same fields.
template <class Request>
Result<service::EntryFilter> FilterOf(const Request& request) {
  service::EntryFilter filter;
  if (!request.has_filter()) {
    return filter;
  }
  const auto& wire = request.filter();
  filter.spiffe_id = FromOptionalId(wire.has_by_spiffe_id(), wire.by_spiffe_id());
  filter.parent_id = FromOptionalId(wire.has_by_parent_id(), wire.by_parent_id());
  if (wire.has_by_selectors()) {
    SIGNET_TRY_ASSIGN(const service::Match match, FromMatch(wire.by_selectors().match()));
    filter.selectors = {FromSelectors(wire.by_selectors().selectors()), match};
  }
  if (wire.has_by_federates_with()) {
    const auto& names = wire.by_federates_with().trust_domains();
    SIGNET_TRY_ASSIGN(const service::Match match, FromMatch(wire.by_federates_with().match()));
    filter.federates_with = {{names.begin(), names.end()}, match};
  }
  filter.hint = wire.by_hint().value();
  filter.only_downstream = wire.by_downstream().value();
  return filter;
}

AnswerOf<api::CountEntriesResponse> Count(Services& services,
                                          const api::CountEntriesRequest& request) {
  SIGNET_TRY_ASSIGN(const service::EntryFilter filter, FilterOf(request));
  SIGNET_TRY_ASSIGN(const std::int32_t count, services.entries.Count(filter));
  api::CountEntriesResponse response;
  response.set_count(count);
  return response;
}

AnswerOf<api::ListEntriesResponse> List(Services& services,
                                        const api::ListEntriesRequest& request) {
  SIGNET_TRY_ASSIGN(const service::EntryFilter filter, FilterOf(request));
  SIGNET_TRY_ASSIGN(auto page,
                    services.entries.List(filter, {request.page_size(), request.page_token()}));
  api::ListEntriesResponse response;
  for (const service::EntryPtr& entry : page.items) {
    SetEntry(response.add_entries(), *entry, OutputMaskOf(request));
  }
  response.set_next_page_token(page.next_token);
  return response;
}

AnswerOf<types::Entry> Get(Services& services, const api::GetEntryRequest& request) {
  SIGNET_TRY_ASSIGN(const service::EntryPtr entry, services.entries.Get(request.id()));
  types::Entry response;
  SetEntry(&response, *entry, OutputMaskOf(request));
  return response;
}

template <class Request>
std::vector<service::EntryInput> InputsOf(const Request& request) {
  std::vector<service::EntryInput> inputs;
  inputs.reserve(static_cast<std::size_t>(request.entries_size()));
  for (const types::Entry& entry : request.entries()) {
    inputs.push_back(FromEntry(entry));
  }
  return inputs;
}

/// ResponseOf puts results, in the order of the request, into a batch response.
template <class Response, class Request>
Response ResponseOf(const std::vector<service::EntryResult>& results, const Request& request) {
  Response response;
  for (const service::EntryResult& result : results) {
    auto* added = response.add_results();
    SetItemStatus(added->mutable_status(), result.status);
    if (result.entry) {
      SetEntry(added->mutable_entry(), *result.entry, OutputMaskOf(request));
    }
  }
  return response;
}

AnswerOf<api::BatchCreateEntryResponse> Create(Services& services,
                                               const api::BatchCreateEntryRequest& request) {
  return ResponseOf<api::BatchCreateEntryResponse>(services.entries.Create(InputsOf(request)),
                                                   request);
}

AnswerOf<api::BatchUpdateEntryResponse> Update(Services& services,
                                               const api::BatchUpdateEntryRequest& request) {
  const service::EntryFields fields =
      FromEntryMask(request.has_input_mask() ? &request.input_mask() : nullptr);
  return ResponseOf<api::BatchUpdateEntryResponse>(
      services.entries.Update(InputsOf(request), fields), request);
}

AnswerOf<api::BatchDeleteEntryResponse> Delete(Services& services,
                                               const api::BatchDeleteEntryRequest& request) {
  const std::vector<std::string> ids(request.ids().begin(), request.ids().end());
  const std::vector<Status> results = services.entries.Delete(ids);
  api::BatchDeleteEntryResponse response;
  for (std::size_t i = 0; i < results.size(); ++i) {
    auto* added = response.add_results();
    SetItemStatus(added->mutable_status(), results[i]);
    added->set_id(ids[i]);
  }
  return response;
}

AnswerOf<api::GetAuthorizedEntriesResponse> GetAuthorized(
    Services& services, const CallInfo& info, const api::GetAuthorizedEntriesRequest& request) {
  SIGNET_TRY_ASSIGN(const spiffe::SpiffeId agent, AgentOf(services, info));
  SIGNET_TRY_ASSIGN(const auto entries, services.entries.Authorized(agent));
  api::GetAuthorizedEntriesResponse response;
  for (const service::EntryPtr& entry : entries) {
    SetEntry(response.add_entries(), *entry, OutputMaskOf(request));
  }
  return response;
}

}  // namespace

void AddEntryMethods(rpc::MethodTable& table, Services& s) {
  const std::string base = "/spire.api.server.entry.v1.Entry/";
  table.Add(base + "CountEntries",
            Pooled<api::CountEntriesRequest, api::CountEntriesResponse>(
                s, [&s](const CallInfo&, const auto& request) { return Count(s, request); }));
  table.Add(base + "ListEntries",
            Pooled<api::ListEntriesRequest, api::ListEntriesResponse>(
                s, [&s](const CallInfo&, const auto& request) { return List(s, request); }));
  table.Add(base + "GetEntry",
            Inline<api::GetEntryRequest, types::Entry>(
                [&s](const CallInfo&, const auto& request) { return Get(s, request); }));
  table.Add(base + "BatchCreateEntry",
            Pooled<api::BatchCreateEntryRequest, api::BatchCreateEntryResponse>(
                s, [&s](const CallInfo&, const auto& request) { return Create(s, request); }));
  table.Add(base + "BatchUpdateEntry",
            Pooled<api::BatchUpdateEntryRequest, api::BatchUpdateEntryResponse>(
                s, [&s](const CallInfo&, const auto& request) { return Update(s, request); }));
  table.Add(base + "BatchDeleteEntry",
            Pooled<api::BatchDeleteEntryRequest, api::BatchDeleteEntryResponse>(
                s, [&s](const CallInfo&, const auto& request) { return Delete(s, request); }));
  table.Add(base + "GetAuthorizedEntries",
            Pooled<api::GetAuthorizedEntriesRequest, api::GetAuthorizedEntriesResponse>(
                s, [&s](const CallInfo& info, const auto& request) {
                  return GetAuthorized(s, info, request);
                }));
}

}  // namespace signet::ca_rpc
