#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "ca/service/registry_tables.h"
#include "ca/service/shared_mutex.h"
#include "ca/store/store.h"
#include "core/base/result.h"

namespace signet::service {

/// Registry is the state of the authority in memory, loaded once from the store. Every read of
/// every RPC is answered from here; the store is only written to after start-up.
///
///     Transact: writer mutex → plan (validates, reads the registry) → Store::Commit (fsync)
///               → apply to memory → tell the listeners
///
/// Readers take a short shared lock that is never held across I/O. Safe for several threads.
class Registry {
 public:
  /// A plan looks at the registry and says what to write; an error changes nothing. While it runs
  /// nobody else writes. No writes: nothing is committed.
  using Plan = std::function<Result<std::vector<store::Write>>()>;
  /// A listener is told after each commit, in order, by the thread that wrote. It must not write.
  using Listener = std::function<void(const Applied&)>;

  /// Open loads the store. server_id is the parent of node aliases.
  static Result<std::unique_ptr<Registry>> Open(store::Store& store,
                                                const spiffe::SpiffeId& server_id);

  /// AddListener: before the first Transact.
  void AddListener(Listener listener);

  Status Transact(const Plan& plan);
  /// NewRow gives the row of a new record; call it inside a plan.
  std::int64_t NewRow() { return next_row_++; }
  std::uint64_t revision() const { return revision_.load(); }
  /// CheckStore asks the store whether it still answers (health).
  Status CheckStore() { return store_.Check(); }

  /// Read runs a function over the tables under the shared lock: it is short and keeps no
  /// reference to them. It must not read the registry itself (see SharedMutex).
  template <class Function>
  auto Read(Function function) const {
    const std::shared_lock lock(mutex_);
    return function(static_cast<const RegistryTables&>(tables_));
  }

  EntryPtr FindEntry(const std::string& id) const;
  AgentPtr FindAgent(const spiffe::SpiffeId& id) const;
  BundlePtr FindBundle(const spiffe::TrustDomain& trust_domain) const;
  /// Records after a row, in order, at most `limit`: lists read in steps, so that a long one never
  /// holds up a writer.
  std::vector<EntryPtr> EntriesAfter(std::int64_t row, std::size_t limit) const;
  std::vector<AgentPtr> AgentsAfter(std::int64_t row, std::size_t limit) const;
  std::vector<BundlePtr> BundlesAfter(std::int64_t row, std::size_t limit) const;
  std::vector<EntryPtr> AuthorizedEntries(const store::Agent& agent) const;
  EntryPtr FindAuthorized(const store::Agent& agent, const std::string& entry_id) const;

  /// PromoteSerial makes the agent's pending serial its current one, in memory and at once, and
  /// gives the new record; null if `serial` is not pending (any more). PersistPromotion writes it.
  /// Memory may be ahead of the store here: after a crash the pending serial is simply promoted
  /// again at its next use.
  AgentPtr PromoteSerial(const spiffe::SpiffeId& id, const std::string& serial);
  Status PersistPromotion(const spiffe::SpiffeId& id);

 private:
  explicit Registry(store::Store& store, const spiffe::SpiffeId& server_id)
      : store_(store), tables_(server_id) {}
  /// KeepPromotion: a promotion that happened while a plan was being committed must not be undone
  /// by the record that the plan had read before.
  void KeepPromotion(store::Write& write) const;

  store::Store& store_;
  std::mutex writer_;
  mutable SharedMutex mutex_;  ///< guards tables_
  RegistryTables tables_;
  std::atomic<std::uint64_t> revision_{0};
  std::int64_t next_row_ = 1;  ///< guarded by writer_
  std::vector<Listener> listeners_;
};

}  // namespace signet::service
