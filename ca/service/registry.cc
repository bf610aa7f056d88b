#include "ca/service/registry.h"

#include <utility>

namespace signet::service {
namespace {

template <class Map>
auto ValuesAfter(const Map& map, std::int64_t row, std::size_t limit) {
  std::vector<typename Map::mapped_type> values;
  for (auto it = map.upper_bound(row); it != map.end() && values.size() < limit; ++it) {
    values.push_back(it->second);
  }
  return values;
}

}  // namespace

Result<std::unique_ptr<Registry>> Registry::Open(store::Store& store,
                                                 const spiffe::SpiffeId& server_id) {
  SIGNET_TRY_ASSIGN(store::Contents contents, store.Load());
  std::unique_ptr<Registry> registry(new Registry(store, server_id));
  registry->revision_ = contents.revision;
  registry->next_row_ = contents.next_row;
  registry->tables_.Load(std::move(contents));
  return registry;
}

void Registry::AddListener(Listener listener) { listeners_.push_back(std::move(listener)); }

Status Registry::Transact(const Plan& plan) {
  const std::lock_guard writer(writer_);
  SIGNET_TRY_ASSIGN(std::vector<store::Write> writes, plan());
  if (writes.empty()) {
    return {};
  }
  SIGNET_TRY_ASSIGN(const std::uint64_t revision, store_.Commit(writes));
  Applied applied;
  applied.revision = revision;
  {
    const std::unique_lock lock(mutex_);
    for (store::Write& write : writes) {
      KeepPromotion(write);
      tables_.Apply(write, applied);
    }
  }
  revision_ = revision;
  for (const Listener& listener : listeners_) {
    listener(applied);
  }
  return {};
}

void Registry::KeepPromotion(store::Write& write) const {
  auto* put = std::get_if<store::PutAgent>(&write);
  if (put == nullptr || put->agent.pending_serial.empty()) {
    return;
  }
  // A record with a pending serial keeps the current one that its plan read. If memory has another
  // by now, the then pending one was promoted in between.
  store::Agent& agent = put->agent;
  const AgentPtr now = tables_.FindAgent(agent.id);
  if (!now || now->banned() || now->serial == agent.serial) {
    return;
  }
  agent.serial = now->serial;
  agent.not_after = now->not_after;
  if (agent.pending_serial == now->serial) {
    agent.pending_serial.clear();
    agent.pending_not_after = 0;
  }
}

EntryPtr Registry::FindEntry(const std::string& id) const {
  return Read([&](const RegistryTables& tables) { return tables.FindEntry(id); });
}

AgentPtr Registry::FindAgent(const spiffe::SpiffeId& id) const {
  return Read([&](const RegistryTables& tables) { return tables.FindAgent(id); });
}

BundlePtr Registry::FindBundle(const spiffe::TrustDomain& trust_domain) const {
  return Read([&](const RegistryTables& tables) { return tables.FindBundle(trust_domain); });
}

std::vector<EntryPtr> Registry::EntriesAfter(std::int64_t row, std::size_t limit) const {
  return Read([&](const RegistryTables& t) { return ValuesAfter(t.entries(), row, limit); });
}

std::vector<AgentPtr> Registry::AgentsAfter(std::int64_t row, std::size_t limit) const {
  return Read([&](const RegistryTables& t) { return ValuesAfter(t.agents(), row, limit); });
}

std::vector<BundlePtr> Registry::BundlesAfter(std::int64_t row, std::size_t limit) const {
  return Read([&](const RegistryTables& t) { return ValuesAfter(t.bundles(), row, limit); });
}

std::vector<EntryPtr> Registry::AuthorizedEntries(const store::Agent& agent) const {
  return Read([&](const RegistryTables& tables) { return tables.AuthorizedEntries(agent); });
}

EntryPtr Registry::FindAuthorized(const store::Agent& agent, const std::string& entry_id) const {
  return Read([&](const RegistryTables& t) { return t.FindAuthorized(agent, entry_id); });
}

AgentPtr Registry::PromoteSerial(const spiffe::SpiffeId& id, const std::string& serial) {
  const std::unique_lock lock(mutex_);
  const AgentPtr agent = tables_.FindAgent(id);
  if (!agent || agent->banned() || serial.empty() || agent->pending_serial != serial) {
    return nullptr;
  }
  auto promoted = std::make_shared<store::Agent>(*agent);
  promoted->serial = std::exchange(promoted->pending_serial, {});
  promoted->not_after = std::exchange(promoted->pending_not_after, 0);
  tables_.ReplaceAgent(promoted);
  return promoted;
}

Status Registry::PersistPromotion(const spiffe::SpiffeId& id) {
  return Transact([&]() -> Result<std::vector<store::Write>> {
    const AgentPtr agent = FindAgent(id);
    if (!agent) {
      return std::vector<store::Write>{};
    }
    return std::vector<store::Write>{store::PutAgent{*agent}};
  });
}

}  // namespace signet::service
