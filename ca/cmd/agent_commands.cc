#include <limits>
#include <ostream>

#include "ca/cmd/commands.h"
#include "spire/api/server/agent/v1/agent.pb.h"

namespace signet::ca_cmd {
namespace {

namespace agent_v1 = spire::api::server::agent::v1;

constexpr std::string_view kService = "/spire.api.server.agent.v1.Agent/";

std::string Method(std::string_view name) { return std::string(kService) + std::string(name); }

const std::vector<config::Flag> kFilterFlags = {
    {.name = "selector", .help = "A type:value selector of the agent.", .repeated = true},
    {.name = "matchSelectorsOn",
     .help = "How selectors match: exact, any, superset or subset.",
     .default_value = "superset"},
    {.name = "attestationType", .help = "Agents attested this way alone, e.g. join_token."},
    {.name = "canReattest", .help = "true: agents that can attest again; false: the others."},
    {.name = "banned", .help = "true: banned agents; false: the others."},
    {.name = "expiresBefore",
     .help = "Agents that expire before this time, e.g. \"2026-11-22 02:09:09 +0000 -00\"."},
};

const std::vector<config::Flag> kIdFlags = {
    {.name = "spiffeID", .help = "SPIFFE ID of the agent."},
};

// ReadChoice gives the value of a flag that may be absent, "true" or "false".
Status ReadChoice(const config::FlagValues& flags, std::string_view flag,
                  const std::function<void(bool)>& set) {
  const std::string text = flags.Get(flag);
  if (text.empty()) {
    return {};
  }
  if (text != "true" && text != "false") {
    return InvalidArgument("-" + std::string(flag) + " expects true or false");
  }
  set(text == "true");
  return {};
}

// The filters of ListAgents and CountAgents are two messages with the same fields.
template <class Filter>
Status ReadFilter(const config::FlagValues& flags, Filter& filter) {
  for (const std::string& text : flags.All("selector")) {
    SIGNET_TRY(ParseSelector(text, *filter.mutable_by_selector_match()->add_selectors())
                   .Context("-selector"));
  }
  if (filter.has_by_selector_match()) {
    SIGNET_TRY_ASSIGN(const int match, ReadMatch(flags, "matchSelectorsOn"));
    filter.mutable_by_selector_match()->set_match(
        static_cast<spire::api::types::SelectorMatch::MatchBehavior>(match));
  }
  filter.set_by_attestation_type(flags.Get("attestationType"));
  filter.set_by_expires_before(flags.Get("expiresBefore"));
  SIGNET_TRY(ReadChoice(flags, "canReattest",
                        [&](bool v) { filter.mutable_by_can_reattest()->set_value(v); }));
  return ReadChoice(flags, "banned", [&](bool v) { filter.mutable_by_banned()->set_value(v); });
}

Status List(Session& session) {
  constexpr int kPage = 1000;
  agent_v1::ListAgentsRequest request;
  SIGNET_TRY(ReadFilter(session.flags, *request.mutable_filter()));
  request.set_page_size(kPage);
  agent_v1::ListAgentsResponse all;
  do {
    agent_v1::ListAgentsResponse page;
    SIGNET_TRY(session.Call(Method("ListAgents"), request, page));
    request.set_page_token(page.next_page_token());
    page.clear_next_page_token();
    all.MergeFrom(page);
  } while (!request.page_token().empty());
  return session.Print(all, [&]() -> Status {
    std::ostream& out = session.io.out;
    if (all.agents().empty()) {
      out << "No attested agents found\n";
      return {};
    }
    out << "Found " << Counted(all.agents_size(), "attested agent", "attested agents") << ":\n\n";
    for (const auto& agent : all.agents()) {
      PrintAgent(agent, out);
    }
    return {};
  });
}

Status Count(Session& session) {
  agent_v1::CountAgentsRequest request;
  SIGNET_TRY(ReadFilter(session.flags, *request.mutable_filter()));
  agent_v1::CountAgentsResponse response;
  SIGNET_TRY(session.Call(Method("CountAgents"), request, response));
  return session.Print(response, [&]() -> Status {
    session.io.out << Counted(response.count(), "attested agent", "attested agents") << "\n";
    return {};
  });
}

Status Show(Session& session) {
  agent_v1::GetAgentRequest request;
  SIGNET_TRY(ReadId(session.flags, "spiffeID", *request.mutable_id()));
  spire::api::types::Agent agent;
  SIGNET_TRY(session.Call(Method("GetAgent"), request, agent));
  return session.Print(agent, [&]() -> Status {
    std::ostream& out = session.io.out;
    out << "Found an attested agent given its SPIFFE ID\n\n";
    PrintAgent(agent, out);
    for (const auto& selector : agent.selectors()) {
      out << "Selectors         : " << selector.type() << ":" << selector.value() << "\n";
    }
    return {};
  });
}

Status Evict(Session& session) {
  agent_v1::DeleteAgentRequest request;
  SIGNET_TRY(ReadId(session.flags, "spiffeID", *request.mutable_id()));
  google::protobuf::Empty response;
  SIGNET_TRY(session.Call(Method("DeleteAgent"), request, response));
  return session.Print(response, [&]() -> Status {
    session.io.out << "Agent evicted successfully\n";
    return {};
  });
}

Status Ban(Session& session) {
  agent_v1::BanAgentRequest request;
  SIGNET_TRY(ReadId(session.flags, "spiffeID", *request.mutable_id()));
  google::protobuf::Empty response;
  SIGNET_TRY(session.Call(Method("BanAgent"), request, response));
  return session.Print(response, [&]() -> Status {
    session.io.out << "Agent banned successfully\n";
    return {};
  });
}

Status GenerateToken(Session& session) {
  agent_v1::CreateJoinTokenRequest request;
  SIGNET_TRY_ASSIGN(const std::int64_t ttl,
                    ReadNumber(session.flags, "ttl", std::numeric_limits<std::int32_t>::max()));
  request.set_ttl(static_cast<std::int32_t>(ttl));
  if (session.flags.Given("spiffeID")) {
    SIGNET_TRY(ReadId(session.flags, "spiffeID", *request.mutable_agent_id()));
  }
  spire::api::types::JoinToken token;
  SIGNET_TRY(session.Call(Method("CreateJoinToken"), request, token));
  return session.Print(token, [&]() -> Status {
    session.io.out << "Token: " << token.value() << "\n";
    return {};
  });
}

}  // namespace

std::vector<Verb> AgentVerbs() {
  return {
      {"token generate",
       "Makes a one-time token that admits one agent.",
       {{.name = "ttl", .help = "Seconds that the token is good for.", .default_value = "600"},
        {.name = "spiffeID", .help = "One more SPIFFE ID for the agent that uses the token."}},
       GenerateToken},
      {"agent list", "Lists attested agents.", kFilterFlags, List},
      {"agent count", "Counts attested agents.", kFilterFlags, Count},
      {"agent show", "Shows one attested agent and its selectors.", kIdFlags, Show},
      {"agent evict", "Forgets an agent; it may attest again.", kIdFlags, Evict},
      {"agent ban", "Shuts an agent out; it cannot attest again.", kIdFlags, Ban},
  };
}

}  // namespace signet::ca_cmd
