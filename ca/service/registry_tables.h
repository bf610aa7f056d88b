#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ca/store/records.h"
#include "ca/store/store.h"

namespace signet::service {

using EntryPtr = std::shared_ptr<const store::Entry>;
using AgentPtr = std::shared_ptr<const store::Agent>;
using BundlePtr = std::shared_ptr<const store::StoredBundle>;

struct IdHash {
  std::size_t operator()(const spiffe::SpiffeId& id) const {
    return std::hash<std::string>{}(id.path()) ^
           (std::hash<std::string>{}(id.trust_domain().name()) << 1U);
  }
};
using IdSet = std::unordered_set<spiffe::SpiffeId, IdHash>;

/// Applied says what one committed transaction changed. `before` is null for what is new, `after`
/// for what is gone.
struct Applied {
  struct EntryChange {
    EntryPtr before;
    EntryPtr after;
  };
  struct AgentChange {
    AgentPtr before;
    AgentPtr after;
  };
  std::uint64_t revision = 0;
  std::vector<EntryChange> entries = {};
  std::vector<AgentChange> agents = {};
  std::vector<spiffe::TrustDomain> bundles = {};
};

/// Lineage is who stands above an entry: every ID that its parents lead to, and the node aliases
/// on the way. An agent is concerned when its ID is among `ids` or it has an alias's selectors.
struct Lineage {
  IdSet ids = {};
  std::vector<EntryPtr> aliases = {};
};

/// RegistryTables holds the records and their indexes. Records are immutable and shared; the
/// tables are not synchronised: Registry locks them.
class RegistryTables {
 public:
  explicit RegistryTables(const spiffe::SpiffeId& server_id) : server_id_(server_id) {}

  void Load(store::Contents contents);
  /// Apply takes over one committed write and notes it.
  void Apply(const store::Write& write, Applied& applied);
  /// ReplaceAgent puts a record in place of the one with its ID, if there is one.
  void ReplaceAgent(AgentPtr agent);

  EntryPtr FindEntry(const std::string& id) const;
  /// FindSimilar: same SPIFFE ID, parent and selector set (spire-api §10.1).
  EntryPtr FindSimilar(const store::Entry& entry) const;
  const std::vector<EntryPtr>& EntriesByParent(const spiffe::SpiffeId& id) const;
  const std::vector<EntryPtr>& EntriesBySpiffeId(const spiffe::SpiffeId& id) const;
  AgentPtr FindAgent(const spiffe::SpiffeId& id) const;
  BundlePtr FindBundle(const spiffe::TrustDomain& trust_domain) const;
  const store::JoinToken* FindJoinToken(const std::string& token) const;

  const std::map<std::int64_t, EntryPtr>& entries() const { return entries_by_row_; }
  const std::map<std::int64_t, AgentPtr>& agents() const { return agents_by_row_; }
  const std::map<std::int64_t, BundlePtr>& bundles() const { return bundles_by_row_; }
  const std::unordered_map<std::string, store::JoinToken>& join_tokens() const {
    return join_tokens_;
  }
  const store::Journal& journal() const { return journal_; }

  /// AuthorizedEntries crawls from the agent and its aliases downwards (spire-api §10.2); safe
  /// against loops. By row.
  std::vector<EntryPtr> AuthorizedEntries(const store::Agent& agent) const;
  /// FindAuthorized gives the entry if the agent may issue it; climbs from the entry, so that its
  /// cost does not depend on how many entries the agent has.
  EntryPtr FindAuthorized(const store::Agent& agent, const std::string& entry_id) const;
  Lineage LineageOf(const store::Entry& entry) const;

 private:
  using Index = std::unordered_map<spiffe::SpiffeId, std::vector<EntryPtr>, IdHash>;

  EntryPtr PutEntry(EntryPtr entry);
  EntryPtr RemoveEntry(const std::string& id);
  AgentPtr PutAgent(AgentPtr agent);
  AgentPtr RemoveAgent(const spiffe::SpiffeId& id);
  void PutBundle(BundlePtr bundle);
  void RemoveBundle(const spiffe::TrustDomain& trust_domain);
  std::vector<EntryPtr> AliasesOf(const store::Agent& agent) const;

  const spiffe::SpiffeId server_id_;
  std::unordered_map<std::string, EntryPtr> entries_by_id_;
  std::map<std::int64_t, EntryPtr> entries_by_row_;
  Index by_parent_;
  Index by_spiffe_id_;
  /// Node aliases under their smallest selector: an agent has an alias only if it has that one.
  std::map<spiffe::Selector, std::vector<EntryPtr>> aliases_;
  std::unordered_map<spiffe::SpiffeId, AgentPtr, IdHash> agents_by_id_;
  std::map<std::int64_t, AgentPtr> agents_by_row_;
  std::map<spiffe::TrustDomain, BundlePtr> bundles_by_name_;
  std::map<std::int64_t, BundlePtr> bundles_by_row_;
  std::unordered_map<std::string, store::JoinToken> join_tokens_;
  store::Journal journal_;
};

}  // namespace signet::service
