#include "ca/service/change_hub.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ca/service/node_key.h"

namespace signet::service {
namespace {

std::vector<Lineage> LineagesOf(const Registry& registry, const Applied& applied) {
  return registry.Read([&](const RegistryTables& tables) {
    std::vector<Lineage> lineages;
    for (const Applied::EntryChange& change : applied.entries) {
      for (const EntryPtr& entry : {change.before, change.after}) {
        if (entry) {
          lineages.push_back(tables.LineageOf(*entry));
        }
      }
    }
    return lineages;
  });
}

/// EndOf says why an agent's change ends its streams, if it does.
std::optional<Denial> EndOf(const Applied::AgentChange& change) {
  if (!change.after) {
    return Denial{PermissionDenied("agent was evicted"), DenialReason::kAgentNotAttested};
  }
  if (change.after->banned()) {
    return Denial{PermissionDenied("agent is banned"), DenialReason::kAgentBanned};
  }
  return std::nullopt;
}

Denial Stopping() { return {Unavailable("the server is stopping")}; }

}  // namespace

std::uint64_t ChangeHub::OwnSequence() const {
  const BundlePtr own = context_.registry.FindBundle(context_.trust_domain);
  return own ? own->bundle.sequence : 0;
}

ChangeHub::WatchId ChangeHub::Open(const spiffe::SpiffeId& agent, SystemTime not_after,
                                   std::shared_ptr<WatchSink> sink) {
  const std::lock_guard lock(mutex_);
  // Registered before the state is read: a commit in between is pushed once more, never missed.
  const WatchId id = next_++;
  Watch& watch = watches_.emplace(id, Watch{agent, not_after, std::move(sink), {}}).first->second;
  PlaceLocked(id, watch);
  watch.sink->Push({context_.registry.revision() + touches_, OwnSequence()});
  if (ending_) {
    watch.sink->End(Stopping());
  }
  return id;
}

/// PlaceLocked notes on which node a watch's agent runs, as its record says now.
void ChangeHub::PlaceLocked(WatchId id, Watch& watch) {
  const AgentPtr agent = context_.registry.FindAgent(watch.agent);
  std::string node = agent ? NodeKeyOf(*agent) : std::string();
  if (node == watch.node) {
    return;
  }
  if (const auto old = by_node_.find(watch.node); old != by_node_.end()) {
    old->second.erase(id);
  }
  if (!node.empty()) {
    by_node_[node].insert(id);
  }
  watch.node = std::move(node);
}

ChangeHub::Watches::iterator ChangeHub::EraseLocked(Watches::iterator watch) {
  const auto place = by_node_.find(watch->second.node);
  if (place != by_node_.end()) {
    place->second.erase(watch->first);
    if (place->second.empty()) {
      by_node_.erase(place);
    }
  }
  return watches_.erase(watch);
}

void ChangeHub::Touch(const std::set<std::string>& nodes) {
  const std::uint64_t sequence = OwnSequence();
  const std::lock_guard lock(mutex_);
  ++touches_;
  for (const std::string& node : nodes) {
    const auto place = by_node_.find(node);
    if (place == by_node_.end()) {
      continue;
    }
    for (const WatchId id : place->second) {
      watches_.at(id).sink->Push({context_.registry.revision() + touches_, sequence});
    }
  }
}

void ChangeHub::TouchAll() {
  const std::uint64_t sequence = OwnSequence();
  const std::lock_guard lock(mutex_);
  ++touches_;
  for (const auto& [id, watch] : watches_) {
    watch.sink->Push({context_.registry.revision() + touches_, sequence});
  }
}

void ChangeHub::Acknowledge(WatchId watch, std::set<std::string> authority_ids) {
  const std::lock_guard lock(mutex_);
  const auto found = watches_.find(watch);
  if (found != watches_.end()) {
    found->second.acknowledged = std::move(authority_ids);
  }
}

void ChangeHub::Close(WatchId watch) {
  const std::lock_guard lock(mutex_);
  if (const auto found = watches_.find(watch); found != watches_.end()) {
    EraseLocked(found);
  }
}

bool ChangeHub::Concerns(const Applied& applied, const std::vector<Lineage>& lineages,
                         const Watch& watch) const {
  if (!applied.bundles.empty()) {
    return true;
  }
  const bool own_record =
      std::any_of(applied.agents.begin(), applied.agents.end(), [&](const auto& change) {
        return change.after && change.after->id == watch.agent &&
               (!change.before || change.before->selectors != change.after->selectors);
      });
  if (own_record) {
    return true;
  }
  const AgentPtr agent = context_.registry.FindAgent(watch.agent);
  return std::any_of(lineages.begin(), lineages.end(), [&](const Lineage& lineage) {
    return lineage.ids.contains(watch.agent) ||
           (agent &&
            std::any_of(lineage.aliases.begin(), lineage.aliases.end(), [&](const EntryPtr& alias) {
              return spiffe::IsSubset(alias->selectors, agent->selectors);
            }));
  });
}

void ChangeHub::OnApplied(const Applied& applied) {
  const std::vector<Lineage> lineages = LineagesOf(context_.registry, applied);
  const std::uint64_t sequence = OwnSequence();
  const std::lock_guard lock(mutex_);
  for (const Applied::AgentChange& change : applied.agents) {
    const std::optional<Denial> end = EndOf(change);
    const AgentPtr& agent = change.after ? change.after : change.before;
    for (auto it = watches_.begin(); end && agent && it != watches_.end();) {
      if (it->second.agent == agent->id) {
        it->second.sink->End(*end);
        it = EraseLocked(it);
      } else {
        ++it;
      }
    }
  }
  for (auto& [id, watch] : watches_) {
    if (Concerns(applied, lineages, watch)) {
      if (!applied.agents.empty()) {
        PlaceLocked(id, watch);
      }
      // A touch that came in between has given this number away already: the agent that has it
      // reads the registry as it was after this commit, so nothing is lost.
      watch.sink->Push({applied.revision + touches_, sequence});
    }
  }
}

void ChangeHub::EndAll() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  for (auto& [id, watch] : watches_) {
    watch.sink->End(Stopping());
  }
}

void ChangeHub::EndExpired() {
  const SystemTime now = context_.clock.Now();
  const std::lock_guard lock(mutex_);
  for (auto it = watches_.begin(); it != watches_.end();) {
    if (now < it->second.not_after) {
      ++it;
      continue;
    }
    it->second.sink->End(
        {PermissionDenied("the agent's SVID has expired"), DenialReason::kAgentExpired});
    it = EraseLocked(it);
  }
}

bool ChangeHub::AllAcknowledged(const std::string& authority_id) const {
  const std::lock_guard lock(mutex_);
  return std::all_of(watches_.begin(), watches_.end(), [&](const auto& item) {
    return item.second.acknowledged.contains(authority_id);
  });
}

std::size_t ChangeHub::watching() const {
  const std::lock_guard lock(mutex_);
  return watches_.size();
}

}  // namespace signet::service
