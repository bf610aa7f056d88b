#include "ca/service/authorizer.h"

#include <algorithm>
#include <utility>

namespace signet::service {
namespace {

Denial Refuse(DenialReason reason) { return {PermissionDenied("agent is not authorized"), reason}; }

}  // namespace

std::optional<Denial> Authorizer::Check(std::string_view method, const Caller& caller) {
  const std::string denied = "authorization denied for method " + std::string(method);
  const MethodRule* rule = FindMethod(method);
  if (rule == nullptr) {
    return Denial{PermissionDenied(denied)};
  }
  if ((rule->callers & kAny) != 0 || ((rule->callers & kLocal) != 0 && caller.local)) {
    return std::nullopt;
  }
  if (caller.local || !caller.svid) {
    return Denial{PermissionDenied(denied)};
  }
  const bool expired = context_.clock.Now() >= caller.svid->not_after;
  if (caller.distrust && !expired) {
    return Denial{Unauthenticated("the certificate of this connection is not trusted any more: " +
                                  caller.distrust->message)};
  }
  if (!expired && (rule->callers & kAdmin) != 0 && IsAdmin(caller.svid->id)) {
    return std::nullopt;
  }
  if (!expired && (rule->callers & kDownstream) != 0 &&
      HasEntryWith(caller.svid->id, &store::Entry::downstream)) {
    return std::nullopt;
  }
  if ((rule->callers & kAgent) == 0) {
    return Denial{PermissionDenied(denied)};
  }
  std::optional<Denial> refusal = CheckAgent(caller);
  if (refusal) {
    refusal->error.message = denied;
  }
  return refusal;
}

bool Authorizer::IsAdmin(const spiffe::SpiffeId& id) const {
  return std::find(options_.admin_ids.begin(), options_.admin_ids.end(), id) !=
             options_.admin_ids.end() ||
         HasEntryWith(id, &store::Entry::admin);
}

bool Authorizer::HasEntryWith(const spiffe::SpiffeId& id, bool store::Entry::*flag) const {
  return context_.registry.Read([&](const RegistryTables& tables) {
    const std::vector<EntryPtr>& entries = tables.EntriesBySpiffeId(id);
    return std::any_of(entries.begin(), entries.end(),
                       [&](const EntryPtr& entry) { return (*entry).*flag; });
  });
}

std::optional<Denial> Authorizer::CheckAgent(const Caller& caller) {
  if (!caller.svid) {
    return Refuse(DenialReason::kNone);
  }
  if (context_.clock.Now() >= caller.svid->not_after) {
    return Refuse(DenialReason::kAgentExpired);
  }
  const AgentPtr agent = context_.registry.FindAgent(caller.svid->id);
  if (!agent) {
    return Refuse(DenialReason::kAgentNotAttested);
  }
  return CheckSerial(*agent, caller);
}

std::optional<Denial> Authorizer::CheckSerial(const store::Agent& agent, const Caller& caller) {
  const std::string& serial = caller.svid->serial_decimal;
  if (agent.banned()) {
    return Refuse(DenialReason::kAgentBanned);
  }
  if (serial == agent.serial) {
    return std::nullopt;
  }
  if (!serial.empty() && serial == agent.pending_serial) {
    if (context_.registry.PromoteSerial(agent.id, serial)) {
      options_.persist_promotion(agent.id);
      return std::nullopt;
    }
    // Another call of the same agent was faster, or it was banned or evicted: look again.
    const AgentPtr now = context_.registry.FindAgent(agent.id);
    if (now && !now->banned() && now->serial == serial) {
      return std::nullopt;
    }
  }
  Alarm(agent, caller);
  return Refuse(DenialReason::kAgentNotActive);
}

void Authorizer::Alarm(const store::Agent& agent, const Caller& caller) {
  constexpr std::size_t kRemembered = 4096;
  {
    const std::lock_guard lock(alarms_mutex_);
    if (alarmed_serials_.size() >= kRemembered) {
      alarmed_serials_.clear();
    }
    if (!alarmed_serials_.insert(caller.svid->serial_decimal).second) {
      return;
    }
  }
  context_.logger.Error(
      "ALARM: an agent SVID that is neither the current nor the renewed one was used; if the agent "
      "did not just renew, its key may be stolen: ban or evict the agent",
      {{"agent", agent.id.ToString()},
       {"serial", caller.svid->serial_decimal},
       {"address", caller.address}});
}

}  // namespace signet::service
