#include "ca/service/agents.h"

#include <cstdio>
#include <limits>
#include <utility>

#include "attestor/node/join_token/join_token.h"

namespace signet::service {
namespace {

using Writes = std::vector<store::Write>;

constexpr std::size_t kMaxVersionBytes = 255;

struct ParsedAgentFilter {
  const AgentFilter& filter;
  std::optional<std::vector<spiffe::Selector>> selectors = {};
  std::optional<std::int64_t> expires_before = {};

  bool Matches(const store::Agent& agent) const {
    return (filter.attestation_type.empty() || agent.attestation_type == filter.attestation_type) &&
           (!selectors || MatchesSet(filter.selectors->match, *selectors, agent.selectors)) &&
           (!filter.banned || agent.banned() == *filter.banned) &&
           (!filter.can_reattest || agent.can_reattest == *filter.can_reattest) &&
           (!expires_before || agent.not_after < *expires_before);
  }
};

/// ParseExpiry reads "2006-01-02 15:04:05 -0700 -07".
std::optional<std::int64_t> ParseExpiry(const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int offset = 0;
  int offset_hours = 0;
  int used = 0;
  const int fields = std::sscanf(text.c_str(), "%4d-%2u-%2u %2d:%2d:%2d %5d %3d%n", &year, &month,
                                 &day, &hour, &minute, &second, &offset, &offset_hours, &used);
  if (fields != 8 || static_cast<std::size_t>(used) != text.size()) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok()) {
    return std::nullopt;
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const int offset_seconds = (offset / 100) * 3600 + (offset % 100) * 60;
  return days * 86400 + hour * 3600 + minute * 60 + second - offset_seconds;
}

Result<ParsedAgentFilter> ParseFilter(const AgentFilter& filter) {
  ParsedAgentFilter parsed{filter};
  if (filter.selectors) {
    if (filter.selectors->selectors.empty()) {
      return Internal("failed to list agents: empty selector set");
    }
    SIGNET_TRY_ASSIGN(
        parsed.selectors,
        ParseSelectors(filter.selectors->selectors).Context("failed to parse selectors"));
  }
  if (!filter.expires_before.empty()) {
    parsed.expires_before = ParseExpiry(filter.expires_before);
  }
  return parsed;
}

/// JoinTokenEntries are the entries that CreateJoinToken made for the agent: parented on it, with
/// its own ID as their only selector.
Writes JoinTokenEntries(const Registry& registry, const store::Agent& agent) {
  if (agent.attestation_type != attestor::kJoinTokenType) {
    return {};
  }
  return registry.Read([&](const RegistryTables& tables) {
    Writes writes;
    for (const EntryPtr& entry : tables.EntriesByParent(agent.id)) {
      if (entry->selectors.size() == 1 &&
          entry->selectors.front() == spiffe::Selector{"spiffe_id", agent.id.ToString()}) {
        writes.push_back(store::DeleteEntry{entry->id});
      }
    }
    return writes;
  });
}

}  // namespace

Result<Page<AgentPtr>> Agents::List(const AgentFilter& filter, const PageRequest& page) const {
  SIGNET_TRY_ASSIGN(const ParsedAgentFilter parsed, ParseFilter(filter));
  return CollectPage<AgentPtr>(
      page,
      [&](std::int64_t row, std::size_t limit) {
        return context_.registry.AgentsAfter(row, limit);
      },
      [&](const store::Agent& agent) { return parsed.Matches(agent); });
}

Result<std::int32_t> Agents::Count(const AgentFilter& filter) const {
  SIGNET_TRY_ASSIGN(const Page<AgentPtr> all, List(filter, PageRequest{}));
  return static_cast<std::int32_t>(all.items.size());
}

Result<AgentPtr> Agents::Get(const std::optional<IdText>& id) const {
  SIGNET_TRY_ASSIGN(const spiffe::SpiffeId agent_id, ParseAgentId(id, context_.trust_domain));
  AgentPtr agent = context_.registry.FindAgent(agent_id);
  if (!agent) {
    return NotFound("agent not found");
  }
  return agent;
}

Status Agents::Delete(const std::optional<IdText>& id) {
  SIGNET_TRY(context_.registry.Transact([&]() -> Result<Writes> {
    SIGNET_TRY_ASSIGN(const AgentPtr agent, Get(id));
    Writes writes = JoinTokenEntries(context_.registry, *agent);
    writes.push_back(store::DeleteAgent{agent->id});
    return writes;
  }));
  context_.logger.Info("agent evicted", {{"path", id->path}});
  return {};
}

Status Agents::Ban(const std::optional<IdText>& id) {
  SIGNET_TRY(context_.registry.Transact([&]() -> Result<Writes> {
    SIGNET_TRY_ASSIGN(const AgentPtr agent, Get(id));
    store::Agent banned = *agent;
    banned.serial.clear();
    banned.pending_serial.clear();
    banned.pending_not_after = 0;
    return Writes{store::PutAgent{std::move(banned)}};
  }));
  context_.logger.Info("agent banned", {{"path", id->path}});
  return {};
}

Result<store::JoinToken> Agents::CreateJoinToken(const NewJoinToken& request) {
  if (request.ttl_seconds < 1) {
    return InvalidArgument("ttl is required, you must provide one (in seconds, at least 1)");
  }
  if (!request.token.empty()) {
    SIGNET_TRY(attestor::ValidateJoinToken(request.token));
  }
  store::JoinToken token{request.token.empty() ? NewUuid(context_.random) : request.token,
                         UnixSeconds(context_.clock.Now()) + request.ttl_seconds};
  std::optional<spiffe::SpiffeId> alias;
  if (request.agent_id) {
    SIGNET_TRY_ASSIGN(
        alias,
        ParseWorkloadId(request.agent_id, context_.trust_domain).Context("invalid agent ID"));
  }
  SIGNET_TRY_ASSIGN(
      const spiffe::SpiffeId agent_id,
      spiffe::SpiffeId::FromParts(context_.trust_domain, "/spire/agent/join_token/" + token.token));
  SIGNET_TRY(context_.registry.Transact([&]() -> Result<Writes> {
    const bool taken = context_.registry.Read(
        [&](const RegistryTables& tables) { return tables.FindJoinToken(token.token) != nullptr; });
    if (taken) {
      return Internal("failed to create token: the token value is already in use");
    }
    Writes writes = {store::PutJoinToken{token}};
    if (alias) {
      writes.push_back(store::PutEntry{
          store::Entry{.row = context_.registry.NewRow(),
                       .id = NewUuid(context_.random),
                       .spiffe_id = *alias,
                       .parent_id = agent_id,
                       .selectors = {spiffe::Selector{"spiffe_id", agent_id.ToString()}},
                       .created_at = UnixSeconds(context_.clock.Now())}});
    }
    return writes;
  }));
  context_.logger.Info("join token created", {{"expires_at", token.expires_at}});
  return token;
}

Status Agents::PostStatus(const spiffe::SpiffeId& agent, const std::string& version) {
  if (version.size() > kMaxVersionBytes) {
    return InvalidArgument("agent version is longer than 255 bytes");
  }
  return context_.registry.Transact([&]() -> Result<Writes> {
    const AgentPtr record = context_.registry.FindAgent(agent);
    if (!record) {
      return NotFound("agent not found");
    }
    if (version.empty() || record->version == version) {
      return Writes{};
    }
    store::Agent updated = *record;
    updated.version = version;
    return Writes{store::PutAgent{std::move(updated)}};
  });
}

Result<std::size_t> Agents::PruneTokens() {
  std::size_t pruned = 0;
  const std::int64_t now = UnixSeconds(context_.clock.Now());
  SIGNET_TRY(context_.registry.Transact([&]() -> Result<Writes> {
    Writes writes = context_.registry.Read([&](const RegistryTables& tables) {
      Writes expired;
      for (const auto& [value, token] : tables.join_tokens()) {
        if (token.expires_at < now) {
          expired.push_back(store::TakeJoinToken{value});
        }
      }
      return expired;
    });
    pruned = writes.size();
    return writes;
  }));
  return pruned;
}

}  // namespace signet::service
