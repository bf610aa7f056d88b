#include <utility>

#include <google/protobuf/empty.pb.h>
#include "ca/rpc/convert.h"
#include "ca/rpc/method_tables.h"
#include "ca/rpc/status.h"
#include "ca/rpc/unary.h"
#include "spire/api/server/agent/v1/agent.pb.h"

namespace signet::ca_rpc {
namespace {

namespace api = spire::api::server::agent::v1;
using google::protobuf::Empty;
using rpc::AnswerOf;
using rpc::CallInfo;

/// FilterOf reads the filter of ListAgents and CountAgents, which have the same fields.
template <class Request>
Result<service::AgentFilter> FilterOf(const Request& request) {
  service::AgentFilter filter;
  if (!request.has_filter()) {
    return filter;
  }
  const auto& wire = request.filter();
  filter.attestation_type = wire.by_attestation_type();
  if (wire.has_by_selector_match()) {
    SIGNET_TRY_ASSIGN(const service::Match match, FromMatch(wire.by_selector_match().match()));
    filter.selectors = {FromSelectors(wire.by_selector_match().selectors()), match};
  }
  if (wire.has_by_banned()) {
    filter.banned = wire.by_banned().value();
  }
  if (wire.has_by_can_reattest()) {
    filter.can_reattest = wire.by_can_reattest().value();
  }
  filter.expires_before = wire.by_expires_before();
  return filter;
}

AnswerOf<api::CountAgentsResponse> Count(Services& services,
                                         const api::CountAgentsRequest& request) {
  SIGNET_TRY_ASSIGN(const service::AgentFilter filter, FilterOf(request));
  SIGNET_TRY_ASSIGN(const std::int32_t count, services.agents.Count(filter));
  api::CountAgentsResponse response;
  response.set_count(count);
  return response;
}

AnswerOf<api::ListAgentsResponse> List(Services& services, const api::ListAgentsRequest& request) {
  SIGNET_TRY_ASSIGN(const service::AgentFilter filter, FilterOf(request));
  SIGNET_TRY_ASSIGN(auto page,
                    services.agents.List(filter, {request.page_size(), request.page_token()}));
  api::ListAgentsResponse response;
  for (const service::AgentPtr& agent : page.items) {
    SetAgent(response.add_agents(), *agent, OutputMaskOf(request));
  }
  response.set_next_page_token(page.next_token);
  return response;
}

AnswerOf<types::Agent> Get(Services& services, const api::GetAgentRequest& request) {
  SIGNET_TRY_ASSIGN(const service::AgentPtr agent,
                    services.agents.Get(FromOptionalId(request.has_id(), request.id())));
  types::Agent response;
  SetAgent(&response, *agent, OutputMaskOf(request));
  return response;
}

AnswerOf<types::JoinToken> CreateJoinToken(Services& services,
                                           const api::CreateJoinTokenRequest& request) {
  SIGNET_TRY_ASSIGN(const store::JoinToken token,
                    services.agents.CreateJoinToken(
                        {.ttl_seconds = request.ttl(),
                         .token = request.token(),
                         .agent_id = FromOptionalId(request.has_agent_id(), request.agent_id())}));
  types::JoinToken response;
  response.set_value(token.token);
  response.set_expires_at(token.expires_at);
  return response;
}

AnswerOf<api::RenewAgentResponse> Renew(Services& services, const CallInfo& info,
                                        const api::RenewAgentRequest& request) {
  SIGNET_TRY_ASSIGN(const spiffe::SpiffeId agent, AgentOf(services, info));
  auto outcome = services.attestation.Renew(agent, AsBytes(request.params().csr()));
  if (const auto* denial = std::get_if<service::Denial>(&outcome)) {
    return ToRpcStatus(*denial);
  }
  const auto& issued = std::get<service::IssuedAgentSvid>(outcome);
  api::RenewAgentResponse response;
  SetX509Svid(response.mutable_svid(), issued.id, issued.svid);
  return response;
}

AnswerOf<api::PostStatusResponse> PostStatus(Services& services, const CallInfo& info,
                                             const api::PostStatusRequest& request) {
  SIGNET_TRY_ASSIGN(const spiffe::SpiffeId agent, AgentOf(services, info));
  SIGNET_TRY(services.agents.PostStatus(agent, request.agent_version()));
  return api::PostStatusResponse();
}

/// AnswerEmpty turns what only succeeds or fails into an answer.
AnswerOf<Empty> AnswerEmpty(const Status& status) {
  if (!status.ok()) {
    return Error(status.error());
  }
  return Empty();
}

}  // namespace

void AddAgentMethods(rpc::MethodTable& table, Services& s) {
  const std::string base = "/spire.api.server.agent.v1.Agent/";
  table.Add(base + "CountAgents",
            Pooled<api::CountAgentsRequest, api::CountAgentsResponse>(
                s, [&s](const CallInfo&, const auto& request) { return Count(s, request); }));
  table.Add(base + "ListAgents",
            Pooled<api::ListAgentsRequest, api::ListAgentsResponse>(
                s, [&s](const CallInfo&, const auto& request) { return List(s, request); }));
  table.Add(base + "GetAgent",
            Inline<api::GetAgentRequest, types::Agent>(
                [&s](const CallInfo&, const auto& request) { return Get(s, request); }));
  table.Add(base + "DeleteAgent",
            Pooled<api::DeleteAgentRequest, Empty>(s, [&s](const CallInfo&, const auto& request) {
              return AnswerEmpty(s.agents.Delete(FromOptionalId(request.has_id(), request.id())));
            }));
  table.Add(base + "BanAgent",
            Pooled<api::BanAgentRequest, Empty>(s, [&s](const CallInfo&, const auto& request) {
              return AnswerEmpty(s.agents.Ban(FromOptionalId(request.has_id(), request.id())));
            }));
  table.Add(base + "CreateJoinToken", Pooled<api::CreateJoinTokenRequest, types::JoinToken>(
                                          s, [&s](const CallInfo&, const auto& request) {
                                            return CreateJoinToken(s, request);
                                          }));
  table.Add(
      base + "RenewAgent",
      Limited<api::RenewAgentRequest, api::RenewAgentResponse>(
          s, service::Bucket::kCsr, [](const auto&) { return std::size_t{1}; },
          [&s](const CallInfo& info, const auto& request) { return Renew(s, info, request); }));
  table.Add(base + "PostStatus",
            Limited<api::PostStatusRequest, api::PostStatusResponse>(
                s, service::Bucket::kStatus, [](const auto&) { return std::size_t{1}; },
                [&s](const CallInfo& info, const auto& request) {
                  return PostStatus(s, info, request);
                }));
}

}  // namespace signet::ca_rpc
