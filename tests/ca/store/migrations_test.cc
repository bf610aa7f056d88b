#include "ca/store/migrations.h"

#include "ca/store/sqlite_store.h"
#include "tests/ca/store/sample_records.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::store::test {
namespace {

constexpr Sql kOne = "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1); PRAGMA user_version=1;";
constexpr Sql kTwo = "ALTER TABLE a ADD COLUMN y INTEGER DEFAULT 7; PRAGMA user_version=2;";
constexpr Sql kThree =
    "CREATE TABLE b (x INTEGER); INSERT INTO b SELECT x + y FROM a; PRAGMA user_version=3;";
// The third step as it looks when the process dies, or the disk fills, in the middle of it.
constexpr Sql kThreeBroken =
    "CREATE TABLE b (x INTEGER); INSERT INTO b SELECT x + y FROM a; INSERT INTO nowhere VALUES (1);"
    "PRAGMA user_version=3;";

constexpr Sql kSteps[] = {kOne, kTwo, kThree};
constexpr Sql kBrokenSteps[] = {kOne, kTwo, kThreeBroken};

}  // namespace

TEST_CASE("migrations: every older version reaches the last one, with its data") {
  const signet::test::TempDir dir;
  const auto from = GENERATE(0U, 1U, 2U, 3U);
  auto db = Db::Open(dir.File("m.db"), {}).value();
  REQUIRE_OK(Migrate(*db, std::span(kSteps).first(from)));
  CHECK(db->ReadInt("PRAGMA user_version").value() == from);
  REQUIRE_OK(Migrate(*db, kSteps));
  CHECK(db->ReadInt("PRAGMA user_version").value() == 3);
  CHECK(db->ReadInt("SELECT x FROM b").value() == 8);
}

TEST_CASE(
    "migrations: a step that fails in its middle leaves the version before it, to go on from") {
  const signet::test::TempDir dir;
  {
    auto db = Db::Open(dir.File("m.db"), {}).value();
    const auto failed = Migrate(*db, kBrokenSteps);
    REQUIRE_FALSE(failed.ok());
    CHECK_THAT(failed.error().message, Catch::Contains("from version 2"));
  }
  auto db = Db::Open(dir.File("m.db"), {}).value();
  CHECK(db->ReadInt("PRAGMA user_version").value() == 2);
  CHECK(db->ReadInt("SELECT count(*) FROM sqlite_schema WHERE name = 'b'").value() == 0);
  REQUIRE_OK(Migrate(*db, kSteps));
  CHECK(db->ReadInt("SELECT x FROM b").value() == 8);
}

TEST_CASE("migrations: every older version of the real schema opens and takes every record") {
  const signet::test::TempDir dir;
  for (std::size_t from = 0; from <= Migrations().size(); ++from) {
    const std::string path = dir.File("v" + std::to_string(from) + ".db");
    REQUIRE_OK(Migrate(*Db::Open(path, {}).value(), Migrations().first(from)));
    auto store = OpenSqliteStore(path).value();
    const std::vector<Write> writes = {PutEntry{SampleEntry(1)}, PutAgent{SampleAgent(2)},
                                       PutBundle{SampleBundle(3)}, PutJoinToken{{"t", 1}},
                                       PutJournal{SampleJournal()}};
    REQUIRE_OK(store->Commit(writes));
    CHECK(store->Load().value().entries == std::vector<Entry>{SampleEntry(1)});
  }
}

TEST_CASE("migrations: a database of a newer version is refused, naming both, and is not touched") {
  const signet::test::TempDir dir;
  const std::string path = dir.File("m.db");
  REQUIRE_OK(OpenSqliteStore(path));
  REQUIRE_OK(Db::Open(path, {}).value()->Script("PRAGMA user_version = 4711"));
  const auto opened = OpenSqliteStore(path);
  REQUIRE_ERROR(opened, Code::kFailedPrecondition, "schema version 4711");
  CHECK_THAT(opened.error().message,
             Catch::Contains("up to " + std::to_string(Migrations().size())));
  CHECK(Db::Open(path, {}).value()->ReadInt("PRAGMA user_version").value() == 4711);
}

}  // namespace signet::store::test
