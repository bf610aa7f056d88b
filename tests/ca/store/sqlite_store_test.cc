// What only the store on disk can show: modes, locks, a full disk, a killed process.
#include "ca/store/sqlite_store.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "ca/store/sqlite.h"
#include "core/base/files.h"
#include "tests/ca/store/sample_records.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::store::test {
namespace {

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

Entry BigEntry(std::int64_t row) {
  Entry entry = SampleEntry(row);
  entry.hint = std::string(20'000, 'x');
  return entry;
}

// The child of the kill test: commits entry after entry and reports each acknowledged row.
[[noreturn]] void CommitUntilKilled(const std::string& path, int report) {
  auto store = OpenSqliteStore(path).value();
  for (std::int64_t row = 1; row <= 100'000; ++row) {
    const std::vector<Write> writes = {PutEntry{SampleEntry(row)}};
    if (!store->Commit(writes).ok() || ::write(report, &row, sizeof(row)) != sizeof(row)) {
      break;
    }
  }
  ::_exit(1);
}

}  // namespace

TEST_CASE("sqlite: database, WAL and shared memory have mode 0600 whatever the umask is") {
  const signet::test::TempDir dir;
  const std::string path = dir.File("signet.db");
  const mode_t umask = GENERATE(mode_t{0}, mode_t{077}, mode_t{0777});
  const mode_t old = ::umask(umask);
  auto store = OpenSqliteStore(path);
  const std::vector<Write> writes = {PutEntry{SampleEntry(1)}};
  const bool committed = store.ok() && (*store)->Commit(writes).ok();
  ::umask(old);
  REQUIRE(committed);
  CHECK(ModeOf(path) == 0600);
  CHECK(ModeOf(path + "-wal") == 0600);
  CHECK(ModeOf(path + "-shm") == 0600);
  CHECK(ModeOf(path + ".lock") == 0600);
}

TEST_CASE("sqlite: an existing database that others may read is tightened at start") {
  const signet::test::TempDir dir;
  const std::string path = dir.File("signet.db");
  REQUIRE_OK(OpenSqliteStore(path));
  REQUIRE(::chmod(path.c_str(), 0644) == 0);
  auto store = OpenSqliteStore(path).value();
  CHECK(ModeOf(path) == 0600);
  CHECK(ModeOf(path + "-wal") == 0600);
}

TEST_CASE("sqlite: the connection has the settings that durability and safety rest on") {
  const signet::test::TempDir dir;
  auto db = Db::Open(dir.File("signet.db"), {}).value();
  CHECK(db->ReadInt("PRAGMA synchronous").value() == 2);
  CHECK(db->ReadInt("PRAGMA foreign_keys").value() == 1);
  CHECK(db->ReadInt("PRAGMA secure_delete").value() == 1);
  CHECK(db->ReadInt("PRAGMA trusted_schema").value() == 0);
  CHECK(db->ReadInt("PRAGMA cell_size_check").value() == 1);
  CHECK(db->ReadInt("SELECT journal_mode = 'wal' FROM pragma_journal_mode").value() == 1);
}

TEST_CASE("sqlite: a second server on one database is refused and told who holds it") {
  const signet::test::TempDir dir;
  const std::string path = dir.File("signet.db");
  auto first = OpenSqliteStore(path).value();
  const auto second = OpenSqliteStore(path);
  REQUIRE_ERROR(second, Code::kFailedPrecondition, "in use by another server");
  CHECK_THAT(second.error().message, Catch::Contains(std::to_string(::getpid())));
  first.reset();
  REQUIRE_OK(OpenSqliteStore(path));
}

TEST_CASE("sqlite: a folder that is missing and a file that is no database are named") {
  const signet::test::TempDir dir;
  REQUIRE_ERROR(OpenSqliteStore(dir.File("no/signet.db")), Code::kFailedPrecondition,
                dir.File("no/signet.db"));
  const std::string path = dir.File("text.db");
  REQUIRE_OK(WriteFileAtomic(path, AsBytes(std::string(5000, 'x'))));
  REQUIRE_ERROR(OpenSqliteStore(path), Code::kDataLoss, path);
  CHECK(ReadFile(path, 10'000).value() == ToBytes(std::string(5000, 'x')));
}

TEST_CASE("sqlite: a full disk is RESOURCE_EXHAUSTED, loses nothing, and heals") {
  const signet::test::TempDir dir;
  const std::string path = dir.File("signet.db");
  std::int64_t acknowledged = 0;
  {
    auto store = OpenSqliteStore(path, {.max_page_count = 120}).value();
    Result<std::uint64_t> last = std::uint64_t{0};
    for (std::int64_t row = 1; row <= 200 && last.ok(); ++row) {
      const std::vector<Write> writes = {PutEntry{BigEntry(row)}};
      last = store->Commit(writes);
      acknowledged += last.ok() ? 1 : 0;
    }
    REQUIRE_ERROR(last, Code::kResourceExhausted, "free disk space");
    REQUIRE(acknowledged > 3);
    CHECK(store->Load().value().entries.size() == static_cast<std::size_t>(acknowledged));
    REQUIRE_OK(store->Check());
    const std::vector<Write> freeing = {DeleteEntry{"entry-1"}};
    REQUIRE_OK(store->Commit(freeing));
    const std::vector<Write> again = {PutEntry{BigEntry(1)}};
    REQUIRE_OK(store->Commit(again));
  }
  auto store = OpenSqliteStore(path).value();
  const auto contents = store->Load().value();
  CHECK(contents.entries.size() == static_cast<std::size_t>(acknowledged));
  CHECK(contents.revision == static_cast<std::uint64_t>(acknowledged) + 2);
}

TEST_CASE("sqlite: after kill -9 every acknowledged commit is there, and nothing but whole ones") {
  const signet::test::TempDir dir;
  for (const std::int64_t enough : {1, 20, 75}) {
    const std::string path = dir.File(std::to_string(enough) + ".db");
    std::int64_t acknowledged = 0;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      CommitUntilKilled(path, ends[1]);
    }
    ::close(ends[1]);
    while (acknowledged < enough &&
           ::read(ends[0], &acknowledged, sizeof(acknowledged)) == sizeof(acknowledged)) {
    }
    REQUIRE(::kill(child, SIGKILL) == 0);
    while (::read(ends[0], &acknowledged, sizeof(acknowledged)) == sizeof(acknowledged)) {
    }
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));

    const auto contents = OpenSqliteStore(path).value()->Load().value();
    const auto found = static_cast<std::int64_t>(contents.entries.size());
    CHECK(acknowledged >= enough);
    CHECK(found >= acknowledged);  // one more may have been committed and not reported
    CHECK(found <= acknowledged + 1);
    CHECK(contents.revision == contents.entries.size());
    for (std::int64_t row = 1; row <= found; ++row) {
      REQUIRE(contents.entries[static_cast<std::size_t>(row - 1)] == SampleEntry(row));
    }
  }
}

TEST_CASE("sqlite: the observer sees every statement and never a value") {
  const signet::test::TempDir dir;
  std::vector<std::string> seen;
  auto store =
      OpenSqliteStore(dir.File("signet.db"),
                      {.on_statement = [&](std::string_view sql) { seen.emplace_back(sql); }})
          .value();
  seen.clear();
  REQUIRE_OK(store->Load());
  CHECK(std::any_of(seen.begin(), seen.end(),
                    [](const auto& sql) { return sql.find("FROM entries") != sql.npos; }));
  seen.clear();
  const std::vector<Write> writes = {PutJoinToken{{"s3cret", 1}}};
  REQUIRE_OK(store->Commit(writes));
  CHECK(std::any_of(seen.begin(), seen.end(), [](const auto& sql) { return sql == "COMMIT"; }));
  CHECK(std::none_of(seen.begin(), seen.end(),
                     [](const auto& sql) { return sql.find("s3cret") != sql.npos; }));
}

TEST_CASE("sqlite: a used token leaves no bytes in the database file") {
  const signet::test::TempDir dir;
  const std::string path = dir.File("signet.db");
  const std::string token = "f3a1c0de-very-secret-token";
  {
    auto store = OpenSqliteStore(path).value();
    const std::vector<Write> put = {PutJoinToken{{token, 1}}};
    const std::vector<Write> take = {TakeJoinToken{token}};
    REQUIRE_OK(store->Commit(put));
    REQUIRE_OK(store->Commit(take));
  }  // closing checkpoints the WAL and removes it
  CHECK(ToString(ReadFile(path, 10'000'000).value()).find(token) == std::string::npos);
  REQUIRE_ERROR(ReadFile(path + "-wal", 10'000'000), Code::kNotFound, "-wal");
}

}  // namespace signet::store::test
