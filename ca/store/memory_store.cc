#include "ca/store/memory_store.h"

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "ca/store/change_of.h"

namespace signet::store {
namespace {

class MemoryStore final : public Store {
 public:
  Result<Contents> Load() override;
  Result<std::uint64_t> Commit(std::span<const Write> writes) override;
  Result<std::vector<Change>> ChangesSince(std::uint64_t revision, std::size_t limit) override;
  Status Check() override { return {}; }

 private:
  Status Apply(const PutEntry& w) { return PutRow(entries_, w.entry.id, w.entry); }
  Status Apply(const DeleteEntry& w) { return Set(entries_, w.id, std::nullopt); }
  Status Apply(const PutAgent& w);
  Status Apply(const DeleteAgent& w) { return Set(agents_, w.id, std::nullopt); }
  Status Apply(const PutBundle& w) {
    return PutRow(bundles_, w.bundle.bundle.trust_domain, w.bundle);
  }
  Status Apply(const DeleteBundle& w) { return Set(bundles_, w.trust_domain, std::nullopt); }
  Status Apply(const PutJoinToken& w);
  Status Apply(const TakeJoinToken& w);
  Status Apply(const PutJournal& w);

  // Set puts or erases, and notes how to undo it.
  template <class Map>
  Status Set(Map& map, const typename Map::key_type& key,
             std::optional<typename Map::mapped_type> value);
  // PutRow is Set for records with a row, which no other record of the family may have.
  template <class Map>
  Status PutRow(Map& map, const typename Map::key_type& key,
                const typename Map::mapped_type& value);

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
  std::map<spiffe::SpiffeId, Agent> agents_;
  std::map<spiffe::TrustDomain, StoredBundle> bundles_;
  std::map<std::string, JoinToken> tokens_;
  Journal journal_;
  std::vector<Change> changes_;
  std::uint64_t forgotten_ = 0;  ///< changes up to this revision are gone
  std::int64_t next_row_ = 1;
  std::vector<std::function<void()>> undo_;  ///< of the transaction under way
};

template <class Map>
Status MemoryStore::Set(Map& map, const typename Map::key_type& key,
                        std::optional<typename Map::mapped_type> value) {
  std::optional<typename Map::mapped_type> old;
  if (const auto found = map.find(key); found != map.end()) {
    old = std::move(found->second);
    map.erase(found);
  }
  if (value) {
    map.emplace(key, *std::move(value));
  }
  undo_.push_back([&map, key, old] {
    map.erase(key);
    if (old) {
      map.emplace(key, *old);
    }
  });
  return {};
}

template <class Map>
Status MemoryStore::PutRow(Map& map, const typename Map::key_type& key,
                           const typename Map::mapped_type& value) {
  const bool taken = std::any_of(map.begin(), map.end(), [&](const auto& pair) {
    return pair.first != key && pair.second.row == value.row;
  });
  if (taken) {
    return AlreadyExists("row " + std::to_string(value.row) + " is taken");
  }
  return Set(map, key, value);
}

Status MemoryStore::Apply(const PutAgent& w) {
  const bool taken = std::any_of(agents_.begin(), agents_.end(), [&](const auto& pair) {
    return pair.first != w.agent.id && !w.agent.serial.empty() &&
           pair.second.serial == w.agent.serial;
  });
  if (taken) {
    return AlreadyExists("serial " + w.agent.serial + " is another agent's");
  }
  return PutRow(agents_, w.agent.id, w.agent);
}

Status MemoryStore::Apply(const PutJoinToken& w) {
  if (tokens_.contains(w.token.token)) {
    return AlreadyExists("the join token exists already");
  }
  return Set(tokens_, w.token.token, w.token);
}

Status MemoryStore::Apply(const TakeJoinToken& w) {
  if (!tokens_.contains(w.token)) {
    return NotFound("the join token does not exist or was used already");
  }
  return Set(tokens_, w.token, std::nullopt);
}

Status MemoryStore::Apply(const PutJournal& w) {
  const auto active = std::count_if(w.journal.x509.begin(), w.journal.x509.end(),
                                    [](const auto& s) { return s.status == SlotStatus::kActive; });
  if (active > 1) {
    return AlreadyExists("two active authorities");
  }
  undo_.push_back([this, old = journal_] { journal_ = old; });
  journal_ = w.journal;
  return {};
}

Result<Contents> MemoryStore::Load() {
  const std::lock_guard lock(mutex_);
  Contents contents;
  const auto copy = [](const auto& map, auto& out) {
    for (const auto& pair : map) {
      out.push_back(pair.second);
    }
  };
  const auto by_row = [](const auto& a, const auto& b) { return a.row < b.row; };
  copy(entries_, contents.entries);
  copy(agents_, contents.agents);
  copy(bundles_, contents.bundles);
  copy(tokens_, contents.join_tokens);
  std::sort(contents.entries.begin(), contents.entries.end(), by_row);
  std::sort(contents.agents.begin(), contents.agents.end(), by_row);
  std::sort(contents.bundles.begin(), contents.bundles.end(), by_row);
  contents.journal = journal_;
  contents.revision = forgotten_ + changes_.size();
  contents.next_row = next_row_;
  return contents;
}

Result<std::uint64_t> MemoryStore::Commit(std::span<const Write> writes) {
  const std::lock_guard lock(mutex_);
  undo_.clear();
  for (const Write& write : writes) {
    auto applied = CheckRow(write);
    if (applied.ok()) {
      applied = std::visit([this](const auto& w) { return Apply(w); }, write);
    }
    if (!applied.ok()) {
      std::for_each(undo_.rbegin(), undo_.rend(), [](const auto& undo) { undo(); });
      return std::move(applied).error();
    }
  }
  for (const Write& write : writes) {
    next_row_ = std::max(next_row_, RowOf(write) + 1);
    changes_.push_back(ChangeOf(write));
    changes_.back().revision = forgotten_ + changes_.size();
  }
  if (changes_.size() > 2 * kKeptChanges) {  // in batches: erasing the front is linear
    const auto surplus = changes_.size() - kKeptChanges;
    changes_.erase(changes_.begin(), changes_.begin() + static_cast<std::ptrdiff_t>(surplus));
    forgotten_ += surplus;
  }
  return forgotten_ + changes_.size();
}

Result<std::vector<Change>> MemoryStore::ChangesSince(std::uint64_t revision, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  if (revision < forgotten_) {
    return ForgottenChanges(revision);
  }
  const auto from = std::min<std::size_t>(revision - forgotten_, changes_.size());
  const auto size = std::min(limit, changes_.size() - from);
  const auto first = changes_.begin() + static_cast<std::ptrdiff_t>(from);
  return std::vector<Change>(first, first + static_cast<std::ptrdiff_t>(size));
}

}  // namespace

std::unique_ptr<Store> NewMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace signet::store
