#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "ca/store/records.h"
#include "core/base/result.h"

namespace signet::store {

// The writes a transaction is made of. Put* inserts or replaces by key.
struct PutEntry {
  Entry entry;
};
struct DeleteEntry {
  std::string id;
};
struct PutAgent {
  Agent agent;
};
struct DeleteAgent {
  spiffe::SpiffeId id;
};
struct PutBundle {
  StoredBundle bundle;
};
struct DeleteBundle {
  spiffe::TrustDomain trust_domain;
};
/// A taken token value is ALREADY_EXISTS and the transaction leaves no trace.
struct PutJoinToken {
  JoinToken token;
};
/// TakeJoinToken deletes the row; if there is none the whole transaction is NOT_FOUND and leaves no
/// trace. This is what makes one of 64 racers win.
struct TakeJoinToken {
  std::string token;
};
struct PutJournal {
  Journal journal;
};

using Write = std::variant<PutEntry, DeleteEntry, PutAgent, DeleteAgent, PutBundle, DeleteBundle,
                           PutJoinToken, TakeJoinToken, PutJournal>;

/// Change is one row of the change log: what a committed write touched. Revisions have no gaps.
struct Change {
  enum class Kind : std::uint8_t {
    kEntry = 1,
    kAgent = 2,
    kBundle = 3,
    kJoinToken = 4,
    kJournal = 5
  };
  std::uint64_t revision = 0;
  Kind kind = Kind::kEntry;
  std::string
      key;  ///< entry id, agent ID, trust domain name; empty for tokens (a secret) and the journal
  friend bool operator==(const Change&, const Change&) = default;
};

/// Contents is everything, as read once at start.
struct Contents {
  std::vector<Entry> entries;         ///< by row
  std::vector<Agent> agents;          ///< by row
  std::vector<StoredBundle> bundles;  ///< by row
  std::vector<JoinToken> join_tokens;
  Journal journal;
  std::uint64_t revision = 0;  ///< of the last change
  std::int64_t next_row = 1;   ///< above every row ever given
};

/// Store keeps the authority's state. One writer; Commit is atomic and durable (fsync) when it
/// returns OK. After start-up agent RPCs never come here: they read the service's registry. Safe
/// for several threads.
class Store {
 public:
  virtual ~Store() = default;
  /// Load reads all contents.
  virtual Result<Contents> Load() = 0;
  /// Commit applies the writes in order as one transaction, with one change-log row each, and
  /// returns the last revision. On any failure nothing of it remains. RESOURCE_EXHAUSTED: disk
  /// full.
  virtual Result<std::uint64_t> Commit(std::span<const Write> writes) = 0;
  /// ChangesSince lists changes after a revision, oldest first, at most `limit`.
  virtual Result<std::vector<Change>> ChangesSince(std::uint64_t revision, std::size_t limit) = 0;
  /// Check answers whether the store can still be read (health).
  virtual Status Check() = 0;
};

}  // namespace signet::store
