#include "ca/service/registry_tables.h"

#include <algorithm>
#include <utility>

namespace signet::service {
namespace {

bool RowLess(const EntryPtr& a, const EntryPtr& b) { return a->row < b->row; }

void AddByRow(std::vector<EntryPtr>& list, const EntryPtr& entry) {
  list.insert(std::upper_bound(list.begin(), list.end(), entry, RowLess), entry);
}

/// EraseByRow takes the entry out, and the list itself when it was the last.
template <class Map, class Key>
void EraseByRow(Map& map, const Key& key, const EntryPtr& entry) {
  const auto found = map.find(key);
  if (found == map.end()) {
    return;
  }
  auto& list = found->second;
  const auto [first, last] = std::equal_range(list.begin(), list.end(), entry, RowLess);
  list.erase(first, last);
  if (list.empty()) {
    map.erase(found);
  }
}

const std::vector<EntryPtr>& NoEntries() {
  static const std::vector<EntryPtr> none;
  return none;
}

const spiffe::Selector& SmallestSelector(const store::Entry& entry) {
  return *std::min_element(entry.selectors.begin(), entry.selectors.end());
}

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

}  // namespace

void RegistryTables::Load(store::Contents contents) {
  for (store::Entry& entry : contents.entries) {
    PutEntry(std::make_shared<const store::Entry>(std::move(entry)));
  }
  for (store::Agent& agent : contents.agents) {
    PutAgent(std::make_shared<const store::Agent>(std::move(agent)));
  }
  for (store::StoredBundle& bundle : contents.bundles) {
    PutBundle(std::make_shared<const store::StoredBundle>(std::move(bundle)));
  }
  for (store::JoinToken& token : contents.join_tokens) {
    std::string key = token.token;
    join_tokens_.emplace(std::move(key), std::move(token));
  }
  journal_ = std::move(contents.journal);
}

void RegistryTables::Apply(const store::Write& write, Applied& applied) {
  std::visit(
      Overloaded{
          [&](const store::PutEntry& w) {
            auto after = std::make_shared<const store::Entry>(w.entry);
            EntryPtr before = PutEntry(after);
            applied.entries.push_back({std::move(before), std::move(after)});
          },
          [&](const store::DeleteEntry& w) {
            applied.entries.push_back({RemoveEntry(w.id), nullptr});
          },
          [&](const store::PutAgent& w) {
            auto after = std::make_shared<const store::Agent>(w.agent);
            AgentPtr before = PutAgent(after);
            applied.agents.push_back({std::move(before), std::move(after)});
          },
          [&](const store::DeleteAgent& w) {
            applied.agents.push_back({RemoveAgent(w.id), nullptr});
          },
          [&](const store::PutBundle& w) {
            applied.bundles.push_back(w.bundle.bundle.trust_domain);
            PutBundle(std::make_shared<const store::StoredBundle>(w.bundle));
          },
          [&](const store::DeleteBundle& w) {
            applied.bundles.push_back(w.trust_domain);
            RemoveBundle(w.trust_domain);
          },
          [&](const store::PutJoinToken& w) { join_tokens_.emplace(w.token.token, w.token); },
          [&](const store::TakeJoinToken& w) { join_tokens_.erase(w.token); },
          [&](const store::PutJournal& w) { journal_ = w.journal; },
      },
      write);
}

void RegistryTables::ReplaceAgent(AgentPtr agent) {
  if (agents_by_id_.contains(agent->id)) {
    PutAgent(std::move(agent));
  }
}

EntryPtr RegistryTables::PutEntry(EntryPtr entry) {
  EntryPtr before = RemoveEntry(entry->id);
  entries_by_id_[entry->id] = entry;
  entries_by_row_[entry->row] = entry;
  AddByRow(by_parent_[entry->parent_id], entry);
  AddByRow(by_spiffe_id_[entry->spiffe_id], entry);
  if (entry->parent_id == server_id_ && !entry->selectors.empty()) {
    AddByRow(aliases_[SmallestSelector(*entry)], entry);
  }
  return before;
}

EntryPtr RegistryTables::RemoveEntry(const std::string& id) {
  const auto found = entries_by_id_.find(id);
  if (found == entries_by_id_.end()) {
    return nullptr;
  }
  EntryPtr entry = std::move(found->second);
  entries_by_id_.erase(found);
  entries_by_row_.erase(entry->row);
  EraseByRow(by_parent_, entry->parent_id, entry);
  EraseByRow(by_spiffe_id_, entry->spiffe_id, entry);
  if (entry->parent_id == server_id_ && !entry->selectors.empty()) {
    EraseByRow(aliases_, SmallestSelector(*entry), entry);
  }
  return entry;
}

AgentPtr RegistryTables::PutAgent(AgentPtr agent) {
  AgentPtr before = RemoveAgent(agent->id);
  agents_by_row_[agent->row] = agent;
  agents_by_id_.insert_or_assign(agent->id, std::move(agent));
  return before;
}

AgentPtr RegistryTables::RemoveAgent(const spiffe::SpiffeId& id) {
  const auto found = agents_by_id_.find(id);
  if (found == agents_by_id_.end()) {
    return nullptr;
  }
  AgentPtr agent = std::move(found->second);
  agents_by_id_.erase(found);
  agents_by_row_.erase(agent->row);
  return agent;
}

void RegistryTables::PutBundle(BundlePtr bundle) {
  RemoveBundle(bundle->bundle.trust_domain);
  bundles_by_row_[bundle->row] = bundle;
  bundles_by_name_.insert_or_assign(bundle->bundle.trust_domain, std::move(bundle));
}

void RegistryTables::RemoveBundle(const spiffe::TrustDomain& trust_domain) {
  const auto found = bundles_by_name_.find(trust_domain);
  if (found != bundles_by_name_.end()) {
    bundles_by_row_.erase(found->second->row);
    bundles_by_name_.erase(found);
  }
}

EntryPtr RegistryTables::FindEntry(const std::string& id) const {
  const auto found = entries_by_id_.find(id);
  return found == entries_by_id_.end() ? nullptr : found->second;
}

EntryPtr RegistryTables::FindSimilar(const store::Entry& entry) const {
  for (const EntryPtr& other : EntriesBySpiffeId(entry.spiffe_id)) {
    if (other->parent_id == entry.parent_id && SameSet(other->selectors, entry.selectors)) {
      return other;
    }
  }
  return nullptr;
}

const std::vector<EntryPtr>& RegistryTables::EntriesByParent(const spiffe::SpiffeId& id) const {
  const auto found = by_parent_.find(id);
  return found == by_parent_.end() ? NoEntries() : found->second;
}

const std::vector<EntryPtr>& RegistryTables::EntriesBySpiffeId(const spiffe::SpiffeId& id) const {
  const auto found = by_spiffe_id_.find(id);
  return found == by_spiffe_id_.end() ? NoEntries() : found->second;
}

AgentPtr RegistryTables::FindAgent(const spiffe::SpiffeId& id) const {
  const auto found = agents_by_id_.find(id);
  return found == agents_by_id_.end() ? nullptr : found->second;
}

BundlePtr RegistryTables::FindBundle(const spiffe::TrustDomain& trust_domain) const {
  const auto found = bundles_by_name_.find(trust_domain);
  return found == bundles_by_name_.end() ? nullptr : found->second;
}

const store::JoinToken* RegistryTables::FindJoinToken(const std::string& token) const {
  const auto found = join_tokens_.find(token);
  return found == join_tokens_.end() ? nullptr : &found->second;
}

std::vector<EntryPtr> RegistryTables::AliasesOf(const store::Agent& agent) const {
  std::vector<EntryPtr> matching;
  std::vector<spiffe::Selector> selectors = agent.selectors;
  std::sort(selectors.begin(), selectors.end());
  selectors.erase(std::unique(selectors.begin(), selectors.end()), selectors.end());
  for (const spiffe::Selector& selector : selectors) {
    const auto found = aliases_.find(selector);
    if (found == aliases_.end()) {
      continue;
    }
    std::copy_if(
        found->second.begin(), found->second.end(), std::back_inserter(matching),
        [&](const EntryPtr& alias) { return spiffe::IsSubset(alias->selectors, agent.selectors); });
  }
  return matching;
}

std::vector<EntryPtr> RegistryTables::AuthorizedEntries(const store::Agent& agent) const {
  std::vector<spiffe::SpiffeId> todo = {agent.id};
  for (const EntryPtr& alias : AliasesOf(agent)) {
    todo.push_back(alias->spiffe_id);
  }
  std::vector<EntryPtr> authorized;
  IdSet visited;
  while (!todo.empty()) {
    const spiffe::SpiffeId id = std::move(todo.back());
    todo.pop_back();
    if (!visited.insert(id).second) {
      continue;
    }
    for (const EntryPtr& child : EntriesByParent(id)) {
      authorized.push_back(child);
      todo.push_back(child->spiffe_id);
    }
  }
  std::sort(authorized.begin(), authorized.end(), RowLess);
  return authorized;
}

Lineage RegistryTables::LineageOf(const store::Entry& entry) const {
  Lineage lineage;
  if (entry.parent_id == server_id_) {
    // A node alias concerns whoever has its selectors; the entry itself is issued to nobody.
    lineage.aliases.push_back(std::make_shared<const store::Entry>(entry));
    return lineage;
  }
  std::vector<spiffe::SpiffeId> todo = {entry.parent_id};
  while (!todo.empty()) {
    const spiffe::SpiffeId id = std::move(todo.back());
    todo.pop_back();
    if (!lineage.ids.insert(id).second) {
      continue;
    }
    for (const EntryPtr& above : EntriesBySpiffeId(id)) {
      if (above->parent_id == server_id_) {
        lineage.aliases.push_back(above);
      } else {
        todo.push_back(above->parent_id);
      }
    }
  }
  return lineage;
}

EntryPtr RegistryTables::FindAuthorized(const store::Agent& agent,
                                        const std::string& entry_id) const {
  EntryPtr entry = FindEntry(entry_id);
  if (!entry || entry->parent_id == server_id_) {
    return nullptr;
  }
  if (entry->parent_id == agent.id) {
    return entry;  // by far the most frequent case
  }
  const Lineage lineage = LineageOf(*entry);
  const bool authorized =
      lineage.ids.contains(agent.id) ||
      std::any_of(lineage.aliases.begin(), lineage.aliases.end(), [&](const EntryPtr& alias) {
        return spiffe::IsSubset(alias->selectors, agent.selectors);
      });
  return authorized ? entry : nullptr;
}

}  // namespace signet::service
