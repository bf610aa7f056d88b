// Join tokens, the authority journal, the change log and the row counter.
#include "ca/store/tables.h"

namespace signet::store {

Status InsertJoinToken(Db& db, const JoinToken& token) {
  auto inserted = db.Run("INSERT INTO join_tokens VALUES (?, ?)", token.token, token.expires_at);
  if (inserted.code() == Code::kAlreadyExists) {
    return AlreadyExists("the join token exists already");
  }
  return inserted;
}

Status TakeJoinTokenRow(Db& db, const std::string& token) {
  SIGNET_TRY(db.Run("DELETE FROM join_tokens WHERE token = ?", token));
  if (db.changed_rows() == 0) {
    return NotFound("the join token does not exist or was used already");
  }
  return {};
}

Result<std::vector<JoinToken>> LoadJoinTokens(Db& db) {
  std::vector<JoinToken> tokens;
  SIGNET_TRY(EachRow(db.Query("SELECT token, expires_at FROM join_tokens ORDER BY token"),
                     [&](const Statement& s) -> Status {
                       tokens.push_back({.token = s.Text(0), .expires_at = s.Int(1)});
                       return {};
                     }));
  return tokens;
}

Status PutJournalRows(Db& db, const Journal& journal) {
  SIGNET_TRY(db.Run("DELETE FROM x509_slots"));
  std::int64_t position = 0;
  for (const auto& slot : journal.x509) {
    SIGNET_TRY(db.Run("INSERT INTO x509_slots VALUES (?, ?, ?, ?, ?, ?, ?, ?)", position++,
                      slot.authority_id, slot.key_id, static_cast<std::int64_t>(slot.status),
                      slot.certificate, slot.issued_at, slot.activated_at, slot.not_after));
  }
  return {};
}

Result<Journal> LoadJournal(Db& db) {
  Journal journal;
  SIGNET_TRY(EachRow(db.Query("SELECT authority_id, key_id, status, certificate, issued_at,"
                              " activated_at, not_after FROM x509_slots ORDER BY position"),
                     [&](const Statement& s) -> Status {
                       journal.x509.push_back({.authority_id = s.Text(0),
                                               .key_id = s.Text(1),
                                               .status = static_cast<SlotStatus>(s.Int(2)),
                                               .certificate = s.Blob(3),
                                               .issued_at = s.Int(4),
                                               .activated_at = s.Int(5),
                                               .not_after = s.Int(6)});
                       return {};
                     }));
  return journal;
}

Status InsertChange(Db& db, const Change& change) {
  return db.Run("INSERT INTO changes VALUES (?, ?, ?)", static_cast<std::int64_t>(change.revision),
                static_cast<std::int64_t>(change.kind), change.key);
}

Status PruneChanges(Db& db, std::uint64_t up_to) {
  return db.Run("DELETE FROM changes WHERE revision <= ?", static_cast<std::int64_t>(up_to));
}

Result<std::uint64_t> LastRevision(Db& db) {
  SIGNET_TRY_ASSIGN(const auto last, db.ReadInt("SELECT coalesce(max(revision), 0) FROM changes"));
  return static_cast<std::uint64_t>(last);
}

Result<std::uint64_t> OldestRevision(Db& db) {
  SIGNET_TRY_ASSIGN(const auto first, db.ReadInt("SELECT coalesce(min(revision), 0) FROM changes"));
  return static_cast<std::uint64_t>(first);
}

Result<std::vector<Change>> LoadChanges(Db& db, std::uint64_t after, std::size_t limit) {
  std::vector<Change> changes;
  SIGNET_TRY(EachRow(db.Query("SELECT revision, kind, key FROM changes WHERE revision > ?"
                              " ORDER BY revision LIMIT ?",
                              static_cast<std::int64_t>(after), static_cast<std::int64_t>(limit)),
                     [&](const Statement& s) -> Status {
                       changes.push_back({.revision = static_cast<std::uint64_t>(s.Int(0)),
                                          .kind = static_cast<Change::Kind>(s.Int(1)),
                                          .key = s.Text(2)});
                       return {};
                     }));
  return changes;
}

Status RaiseNextRow(Db& db, std::int64_t used_row) {
  return db.Run("UPDATE counters SET value = ?1 + 1 WHERE name = 'next_row' AND value <= ?1",
                used_row);
}

Result<std::int64_t> LoadNextRow(Db& db) {
  return db.ReadInt("SELECT value FROM counters WHERE name = 'next_row'");
}

}  // namespace signet::store
