#pragma once

#include <cstdint>
#include <vector>

#include "ca/store/records.h"
#include "ca/store/sqlite.h"
#include "ca/store/store.h"
#include "core/base/result.h"

namespace signet::store {

// How records lie in tables, one source file a family. Put replaces by key; it and Delete run
// inside the caller's transaction. A row that cannot be read back is DATA_LOSS and names itself.

Status PutEntryRow(Db& db, const Entry& entry);
Status DeleteEntryRow(Db& db, const std::string& id);
Result<std::vector<Entry>> LoadEntries(Db& db);

Status PutAgentRow(Db& db, const Agent& agent);
Status DeleteAgentRow(Db& db, const spiffe::SpiffeId& id);
Result<std::vector<Agent>> LoadAgents(Db& db);

Status PutBundleRow(Db& db, const StoredBundle& bundle);
Status DeleteBundleRow(Db& db, const spiffe::TrustDomain& trust_domain);
Result<std::vector<StoredBundle>> LoadBundles(Db& db);

/// ALREADY_EXISTS if the token is there.
Status InsertJoinToken(Db& db, const JoinToken& token);
/// NOT_FOUND if it is not there.
Status TakeJoinTokenRow(Db& db, const std::string& token);
Result<std::vector<JoinToken>> LoadJoinTokens(Db& db);

Status PutJournalRows(Db& db, const Journal& journal);
Result<Journal> LoadJournal(Db& db);

Status InsertChange(Db& db, const Change& change);
/// PruneChanges forgets changes up to and including a revision.
Status PruneChanges(Db& db, std::uint64_t up_to);
Result<std::uint64_t> LastRevision(Db& db);
/// OldestRevision of those kept; 0 if there is none.
Result<std::uint64_t> OldestRevision(Db& db);
Result<std::vector<Change>> LoadChanges(Db& db, std::uint64_t after, std::size_t limit);

Status RaiseNextRow(Db& db, std::int64_t used_row);
Result<std::int64_t> LoadNextRow(Db& db);

}  // namespace signet::store
