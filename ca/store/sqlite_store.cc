#include "ca/store/sqlite_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

#include "ca/store/change_of.h"
#include "ca/store/migrations.h"
#include "ca/store/sqlite.h"
#include "ca/store/tables.h"
#include "core/base/files.h"
#include "core/base/unique_fd.h"

namespace signet::store {
namespace {

std::string ReadHolder(int fd) {
  char text[32] = {};
  const ssize_t size = ::pread(fd, text, sizeof(text) - 1, 0);
  std::string holder(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!holder.empty() && holder.back() == '\n') {
    holder.pop_back();
  }
  return holder.empty() ? "unknown" : holder;
}

// A lock file of its own, since opening the database a second time would drop SQLite's locks. The
// kernel releases it when the process ends, however it ends; the file stays.
Result<UniqueFd> LockDatabase(const std::string& path) {
  const std::string lock_path = path + ".lock";
  UniqueFd fd(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) {
    return FailedPrecondition("cannot open " + lock_path + ": " + ErrnoText(errno));
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return FailedPrecondition("cannot lock " + lock_path + ": " + ErrnoText(errno));
    }
    return FailedPrecondition("the database " + path + " is in use by another server (process " +
                              ReadHolder(fd.get()) + "); stop it first");
  }
  const std::string holder = std::to_string(::getpid()) + "\n";
  if (::fchmod(fd.get(), 0600) != 0 || ::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), holder.data(), holder.size(), 0) < 0) {
    return FailedPrecondition("cannot write " + lock_path + ": " + ErrnoText(errno));
  }
  return fd;
}

// Apply writes one record; the overloads are the table families.
Status Apply(Db& db, const PutEntry& w) { return PutEntryRow(db, w.entry); }
Status Apply(Db& db, const DeleteEntry& w) { return DeleteEntryRow(db, w.id); }
Status Apply(Db& db, const PutAgent& w) { return PutAgentRow(db, w.agent); }
Status Apply(Db& db, const DeleteAgent& w) { return DeleteAgentRow(db, w.id); }
Status Apply(Db& db, const PutBundle& w) { return PutBundleRow(db, w.bundle); }
Status Apply(Db& db, const DeleteBundle& w) { return DeleteBundleRow(db, w.trust_domain); }
Status Apply(Db& db, const PutJoinToken& w) { return InsertJoinToken(db, w.token); }
Status Apply(Db& db, const TakeJoinToken& w) { return TakeJoinTokenRow(db, w.token); }
Status Apply(Db& db, const PutJournal& w) { return PutJournalRows(db, w.journal); }

class SqliteStore final : public Store {
 public:
  SqliteStore(UniqueFd lock, std::unique_ptr<Db> db, std::uint64_t revision)
      : lock_(std::move(lock)), db_(std::move(db)), revision_(revision) {}

  Result<Contents> Load() override;
  Result<std::uint64_t> Commit(std::span<const Write> writes) override;
  Result<std::vector<Change>> ChangesSince(std::uint64_t revision, std::size_t limit) override;
  Status Check() override;

 private:
  Result<std::uint64_t> CommitLocked(std::span<const Write> writes);
  Status ApplyOne(const Write& write, std::uint64_t revision);

  UniqueFd lock_;  ///< first member: released after the database is closed
  std::mutex mutex_;
  std::unique_ptr<Db> db_;
  std::uint64_t revision_;
  Status broken_;  ///< not OK: no further commits in this process
};

Result<Contents> SqliteStore::Load() {
  const std::lock_guard lock(mutex_);
  Contents contents;
  SIGNET_TRY_ASSIGN(contents.entries, LoadEntries(*db_));
  SIGNET_TRY_ASSIGN(contents.agents, LoadAgents(*db_));
  SIGNET_TRY_ASSIGN(contents.bundles, LoadBundles(*db_));
  SIGNET_TRY_ASSIGN(contents.join_tokens, LoadJoinTokens(*db_));
  SIGNET_TRY_ASSIGN(contents.journal, LoadJournal(*db_));
  SIGNET_TRY_ASSIGN(contents.revision, LastRevision(*db_));
  SIGNET_TRY_ASSIGN(contents.next_row, LoadNextRow(*db_));
  return contents;
}

Result<std::uint64_t> SqliteStore::Commit(std::span<const Write> writes) {
  const std::lock_guard lock(mutex_);
  SIGNET_TRY(broken_);
  if (writes.empty()) {
    return revision_;
  }
  auto committed = CommitLocked(writes);
  if (committed.ok()) {
    revision_ = *committed;
  } else if (committed.code() == Code::kDataLoss) {
    broken_ = Error(committed.error())
                  .Context("the database failed and takes no more writes until a restart");
  }
  return committed;
}

Result<std::uint64_t> SqliteStore::CommitLocked(std::span<const Write> writes) {
  SIGNET_TRY_ASSIGN(Transaction transaction, Transaction::Begin(*db_));
  std::uint64_t revision = revision_;
  for (const Write& write : writes) {
    SIGNET_TRY(ApplyOne(write, ++revision));
  }
  if (revision > kKeptChanges) {
    SIGNET_TRY(PruneChanges(*db_, revision - kKeptChanges));
  }
  SIGNET_TRY(transaction.Commit());
  return revision;
}

Status SqliteStore::ApplyOne(const Write& write, std::uint64_t revision) {
  SIGNET_TRY(CheckRow(write));
  SIGNET_TRY(std::visit([&](const auto& w) { return Apply(*db_, w); }, write));
  SIGNET_TRY(RaiseNextRow(*db_, RowOf(write)));
  Change change = ChangeOf(write);
  change.revision = revision;
  return InsertChange(*db_, change);
}

Result<std::vector<Change>> SqliteStore::ChangesSince(std::uint64_t revision, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  SIGNET_TRY_ASSIGN(const std::uint64_t oldest, OldestRevision(*db_));
  if (oldest > revision + 1) {
    return ForgottenChanges(revision);
  }
  return LoadChanges(*db_, revision, limit);
}

Status SqliteStore::Check() {
  const std::lock_guard lock(mutex_);
  SIGNET_TRY(broken_);
  return LoadNextRow(*db_).ok() ? Status() : Unavailable("the database cannot be read");
}

}  // namespace

Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path, SqliteOptions options) {
  SIGNET_TRY_ASSIGN(UniqueFd lock, LockDatabase(path));
  SIGNET_TRY_ASSIGN(auto db, Db::Open(path, {.on_statement = std::move(options.on_statement),
                                             .max_page_count = options.max_page_count}));
  SIGNET_TRY(Migrate(*db, Migrations()).Context("database " + path));
  SIGNET_TRY_ASSIGN(const std::uint64_t revision, LastRevision(*db));
  return std::unique_ptr<Store>(
      std::make_unique<SqliteStore>(std::move(lock), std::move(db), revision));
}

}  // namespace signet::store
