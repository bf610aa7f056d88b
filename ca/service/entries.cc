#include "ca/service/entries.h"

#include <algorithm>
#include <map>
#include <utility>

#include "ca/service/entry_filter.h"

namespace signet::service {
namespace {

/// FailAll puts the error of a failed transaction into every result that counted on it.
template <class Results, class StatusOf>
void FailAll(Results& results, const Status& transaction, StatusOf status_of) {
  if (transaction.ok()) {
    return;
  }
  for (auto& result : results) {
    if (status_of(result).ok()) {
      status_of(result) = Error(transaction.error());
    }
  }
}

std::vector<EntryPtr> AfterRow(const std::vector<EntryPtr>& entries, std::int64_t row,
                               std::size_t limit) {
  std::vector<EntryPtr> after;
  for (const EntryPtr& entry : entries) {
    if (entry->row > row && after.size() < limit) {
      after.push_back(entry);
    }
  }
  return after;
}

}  // namespace

/// Batch sees the entries as they will be once the items before have been committed.
struct Entries::Batch {
  std::map<std::string, EntryPtr> changed = {};  ///< by id
  std::vector<store::Write> writes = {};

  void Put(const EntryPtr& entry) {
    changed[entry->id] = entry;
    writes.push_back(store::PutEntry{*entry});
  }
  EntryPtr FindSimilar(const store::Entry& entry) const {
    for (const auto& [id, other] : changed) {
      if (other->spiffe_id == entry.spiffe_id && other->parent_id == entry.parent_id &&
          SameSet(other->selectors, entry.selectors)) {
        return other;
      }
    }
    return nullptr;
  }
};

Result<Page<EntryPtr>> Entries::List(const EntryFilter& filter, const PageRequest& page) const {
  SIGNET_TRY_ASSIGN(const ParsedEntryFilter parsed,
                    ParseEntryFilter(filter, context_.trust_domain));
  // An ID filter is answered from its index instead of a walk over everything.
  const auto fetch = [&](std::int64_t row, std::size_t limit) {
    if (parsed.spiffe_id || parsed.parent_id) {
      return context_.registry.Read([&](const RegistryTables& tables) {
        return AfterRow(parsed.spiffe_id ? tables.EntriesBySpiffeId(*parsed.spiffe_id)
                                         : tables.EntriesByParent(*parsed.parent_id),
                        row, limit);
      });
    }
    return context_.registry.EntriesAfter(row, limit);
  };
  return CollectPage<EntryPtr>(page, fetch,
                               [&](const store::Entry& entry) { return parsed.Matches(entry); });
}

Result<std::int32_t> Entries::Count(const EntryFilter& filter) const {
  SIGNET_TRY_ASSIGN(const Page<EntryPtr> all, List(filter, PageRequest{}));
  return static_cast<std::int32_t>(all.items.size());
}

Result<EntryPtr> Entries::Get(const std::string& id) const {
  if (id.empty()) {
    return InvalidArgument("missing ID");
  }
  EntryPtr entry = context_.registry.FindEntry(id);
  if (!entry) {
    return NotFound("entry not found");
  }
  return entry;
}

Status Entries::CheckBundles(const store::Entry& entry) const {
  for (const spiffe::TrustDomain& federated : entry.federates_with) {
    if (!context_.registry.FindBundle(federated)) {
      return Internal("unable to find federated bundle \"" + federated.id() +
                      "\"; set it before entries federate with it");
    }
  }
  return {};
}

EntryResult Entries::PlanCreate(const EntryInput& input, Batch& batch) const {
  Status id_status = input.id.empty() ? Status{} : ValidateEntryId(input.id);
  Result<store::Entry> made = NewEntry(input, context_.trust_domain);
  if (!id_status.ok()) {
    return {std::move(id_status).Context("failed to convert entry")};
  }
  if (!made.ok()) {
    return {std::move(made).error().Context("failed to convert entry")};
  }
  store::Entry entry = std::move(made).value();
  EntryPtr similar = context_.registry.Read(
      [&](const RegistryTables& tables) { return tables.FindSimilar(entry); });
  if (!similar) {
    similar = batch.FindSimilar(entry);
  }
  if (similar) {
    return {AlreadyExists("similar entry already exists"), similar};
  }
  entry.id = input.id.empty() ? NewUuid(context_.random) : input.id;
  if (batch.changed.contains(entry.id) || context_.registry.FindEntry(entry.id)) {
    return {AlreadyExists("failed to create entry: an entry with the ID \"" + entry.id +
                          "\" already exists")};
  }
  if (Status bundles = CheckBundles(entry); !bundles.ok()) {
    return {std::move(bundles).Context("failed to create entry")};
  }
  entry.row = context_.registry.NewRow();
  entry.created_at = UnixSeconds(context_.clock.Now());
  const auto created = std::make_shared<const store::Entry>(std::move(entry));
  batch.Put(created);
  return {{}, created};
}

std::vector<EntryResult> Entries::Create(const std::vector<EntryInput>& inputs) {
  std::vector<EntryResult> results;
  const Status done = context_.registry.Transact([&]() -> Result<std::vector<store::Write>> {
    Batch batch;
    for (const EntryInput& input : inputs) {
      results.push_back(PlanCreate(input, batch));
    }
    return std::move(batch.writes);
  });
  FailAll(
      results,
      done.ok() ? Status{} : Status(Internal("failed to create entry: " + done.error().message)),
      [](EntryResult& result) -> Status& { return result.status; });
  return results;
}

EntryResult Entries::PlanUpdate(const EntryInput& input, const EntryFields& fields,
                                Batch& batch) const {
  if (input.id.empty()) {
    return {InvalidArgument("failed to convert entry: missing entry ID")};
  }
  const auto earlier = batch.changed.find(input.id);
  const EntryPtr entry =
      earlier != batch.changed.end() ? earlier->second : context_.registry.FindEntry(input.id);
  if (!entry) {
    return {NotFound("failed to update entry")};
  }
  Result<store::Entry> made = UpdatedEntry(*entry, input, fields, context_.trust_domain);
  if (!made.ok()) {
    return {std::move(made).error().Context("failed to convert entry")};
  }
  store::Entry updated = std::move(made).value();
  if (Status bundles = CheckBundles(updated); !bundles.ok()) {
    return {std::move(bundles).Context("failed to update entry")};
  }
  updated.revision_number += 1;
  const auto record = std::make_shared<const store::Entry>(std::move(updated));
  batch.Put(record);
  return {{}, record};
}

std::vector<EntryResult> Entries::Update(const std::vector<EntryInput>& inputs,
                                         const EntryFields& fields) {
  std::vector<EntryResult> results;
  const Status done = context_.registry.Transact([&]() -> Result<std::vector<store::Write>> {
    Batch batch;
    for (const EntryInput& input : inputs) {
      results.push_back(PlanUpdate(input, fields, batch));
    }
    return std::move(batch.writes);
  });
  FailAll(
      results,
      done.ok() ? Status{} : Status(Internal("failed to update entry: " + done.error().message)),
      [](EntryResult& result) -> Status& { return result.status; });
  return results;
}

std::vector<Status> Entries::Delete(const std::vector<std::string>& ids) {
  std::vector<Status> results;
  const Status done = context_.registry.Transact([&]() -> Result<std::vector<store::Write>> {
    std::vector<store::Write> writes;
    std::map<std::string, bool> gone;
    for (const std::string& id : ids) {
      if (id.empty()) {
        results.emplace_back(InvalidArgument("missing entry ID"));
      } else if (gone.contains(id) || !context_.registry.FindEntry(id)) {
        results.emplace_back(NotFound("entry not found"));
      } else {
        gone[id] = true;
        writes.push_back(store::DeleteEntry{id});
        results.emplace_back();
      }
    }
    return writes;
  });
  FailAll(
      results,
      done.ok() ? Status{} : Status(Internal("failed to delete entry: " + done.error().message)),
      [](Status& result) -> Status& { return result; });
  return results;
}

Result<std::vector<EntryPtr>> Entries::Authorized(const spiffe::SpiffeId& agent) const {
  const AgentPtr record = context_.registry.FindAgent(agent);
  if (!record) {
    return std::vector<EntryPtr>{};
  }
  std::vector<EntryPtr> entries = context_.registry.AuthorizedEntries(*record);
  if (pods_ != nullptr) {
    SIGNET_TRY_ASSIGN(const std::vector<EntryPtr> derived, pods_->EntriesOf(*record));
    entries.insert(entries.end(), derived.begin(), derived.end());
  }
  return entries;
}

Result<std::size_t> Entries::PruneExpired() {
  std::size_t pruned = 0;
  const std::int64_t now = UnixSeconds(context_.clock.Now());
  const auto expired = [&](const store::Entry& entry) {
    return entry.expires_at != 0 && entry.expires_at < now;
  };
  SIGNET_TRY(context_.registry.Transact([&]() -> Result<std::vector<store::Write>> {
    std::vector<store::Write> writes;
    SIGNET_TRY_ASSIGN(const Page<EntryPtr> page, CollectPage<EntryPtr>(
                                                     PageRequest{},
                                                     [&](std::int64_t row, std::size_t limit) {
                                                       return context_.registry.EntriesAfter(row,
                                                                                             limit);
                                                     },
                                                     expired));
    for (const EntryPtr& entry : page.items) {
      writes.push_back(store::DeleteEntry{entry->id});
    }
    pruned = writes.size();
    return writes;
  }));
  return pruned;
}

}  // namespace signet::service
