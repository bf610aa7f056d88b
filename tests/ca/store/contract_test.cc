// The contract of Store, run on the real store and on the fake.
#include <atomic>
#include <thread>

#include "ca/store/change_of.h"
#include "ca/store/memory_store.h"
#include "ca/store/sqlite_store.h"
#include "tests/ca/store/sample_records.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::store::test {
namespace {

// Subject is one store that can be restarted; a restart of the fake changes nothing.
class Subject {
 public:
  explicit Subject(const std::string& kind) : durable_(kind == "sqlite") { Restart(); }

  void Restart() {
    if (!durable_ && store_ != nullptr) {
      return;
    }
    store_.reset();
    store_ = durable_ ? OpenSqliteStore(dir_.File("signet.db")).value() : NewMemoryStore();
  }
  Store& operator*() { return *store_; }
  Store* operator->() { return store_.get(); }

  std::uint64_t Commit(const std::vector<Write>& writes) { return store_->Commit(writes).value(); }
  Contents Load() { return store_->Load().value(); }

 private:
  signet::test::TempDir dir_;
  bool durable_;
  std::unique_ptr<Store> store_;
};

std::vector<Write> Everything() {
  return {PutEntry{SampleEntry(1)},   PutEntry{SampleEntry(2)},     PutAgent{SampleAgent(3)},
          PutBundle{SampleBundle(4)}, PutJoinToken{{"s3cret", 99}}, PutJournal{SampleJournal()}};
}

bool SameContents(const Contents& a, const Contents& b) {
  return a.entries == b.entries && a.agents == b.agents && a.bundles == b.bundles &&
         a.join_tokens == b.join_tokens && a.journal == b.journal && a.revision == b.revision &&
         a.next_row == b.next_row;
}

}  // namespace

TEST_CASE("store: a new store is empty, at revision 0") {
  Subject store(GENERATE("memory", "sqlite"));
  CHECK(SameContents(store.Load(), Contents{}));
  CHECK(store->ChangesSince(0, 10).value().empty());
  CHECK(store.Commit({}) == 0);
  REQUIRE_OK(store->Check());
}

TEST_CASE("store: every field of every record comes back after a restart") {
  Subject store(GENERATE("memory", "sqlite"));
  CHECK(store.Commit(Everything()) == 6);
  store.Restart();
  const Contents contents = store.Load();
  CHECK(contents.entries == std::vector<Entry>{SampleEntry(1), SampleEntry(2)});
  CHECK(contents.agents == std::vector<Agent>{SampleAgent(3)});
  CHECK(contents.bundles == std::vector<StoredBundle>{SampleBundle(4)});
  CHECK(contents.join_tokens == std::vector<JoinToken>{{"s3cret", 99}});
  CHECK(contents.journal == SampleJournal());
  CHECK(contents.revision == 6);
  CHECK(contents.next_row == 5);
}

TEST_CASE("store: absent optional fields stay absent") {
  Subject store(GENERATE("memory", "sqlite"));
  Entry entry{.row = 1,
              .id = "e",
              .spiffe_id = Id("spiffe://example.org/a"),
              .parent_id = Id("spiffe://example.org/b")};
  Agent banned = SampleAgent(2);
  banned.serial.clear();
  banned.selectors.clear();
  Agent banned_too = SampleAgent(3);
  banned_too.serial.clear();
  store.Commit({PutEntry{entry}, PutAgent{banned}, PutAgent{banned_too}});
  store.Restart();
  CHECK(store.Load().entries == std::vector<Entry>{entry});
  CHECK(store.Load().agents == std::vector<Agent>{banned, banned_too});
}

TEST_CASE("store: records are listed by row, not by key or order of writing") {
  Subject store(GENERATE("memory", "sqlite"));
  Entry late = SampleEntry(9);
  late.id = "aaa";
  store.Commit({PutEntry{late}, PutEntry{SampleEntry(2)}, PutAgent{SampleAgent(8)},
                PutAgent{SampleAgent(1)}, PutBundle{SampleBundle(7)}, PutBundle{SampleBundle(3)}});
  const Contents contents = store.Load();
  CHECK(contents.entries[0].row == 2);
  CHECK(contents.agents[0].row == 1);
  CHECK(contents.bundles[0].row == 3);
  CHECK(contents.next_row == 10);
}

TEST_CASE("store: Put replaces a record and its lists as a whole") {
  Subject store(GENERATE("memory", "sqlite"));
  store.Commit(Everything());
  Entry entry = SampleEntry(1);
  entry.selectors = {{"unix", "uid:1"}};
  entry.dns_names.clear();
  entry.federates_with.clear();
  entry.additional_attributes.reset();
  Agent agent = SampleAgent(3);
  agent.selectors = {{"c", "d"}};
  agent.serial = "12";
  StoredBundle bundle = SampleBundle(4);
  bundle.bundle.x509_authorities.clear();
  bundle.bundle.sequence = 5;
  Journal journal = SampleJournal();
  journal.x509.pop_back();
  store.Commit({PutEntry{entry}, PutAgent{agent}, PutBundle{bundle}, PutJournal{journal}});
  store.Restart();
  const Contents contents = store.Load();
  CHECK(contents.entries == std::vector<Entry>{entry, SampleEntry(2)});
  CHECK(contents.agents == std::vector<Agent>{agent});
  CHECK(contents.bundles == std::vector<StoredBundle>{bundle});
  CHECK(contents.journal == journal);
}

TEST_CASE("store: Delete removes a record, and deleting what is not there is no error") {
  Subject store(GENERATE("memory", "sqlite"));
  store.Commit(Everything());
  const std::vector<Write> deletes = {DeleteEntry{"entry-1"}, DeleteAgent{SampleAgent(3).id},
                                      DeleteBundle{Domain("td4.example")}};
  CHECK(store.Commit(deletes) == 9);
  CHECK(store.Commit(deletes) == 12);
  store.Restart();
  const Contents contents = store.Load();
  CHECK(contents.entries == std::vector<Entry>{SampleEntry(2)});
  CHECK(contents.agents.empty());
  CHECK(contents.bundles.empty());
}

TEST_CASE(
    "store: a row is never given twice, though its record is deleted and the store restarts") {
  Subject store(GENERATE("memory", "sqlite"));
  store.Commit({PutEntry{SampleEntry(41)}});
  store.Commit({DeleteEntry{"entry-41"}});
  store.Restart();
  CHECK(store.Load().next_row == 42);
  store.Commit({PutEntry{SampleEntry(7)}});
  CHECK(store.Load().next_row == 42);
}

TEST_CASE("store: the change log names every write in order and has no gaps") {
  Subject store(GENERATE("memory", "sqlite"));
  store.Commit(Everything());
  store.Restart();
  CHECK(store.Commit({TakeJoinToken{"s3cret"}, DeleteAgent{SampleAgent(3).id},
                      DeleteBundle{Domain("td4.example")}, DeleteEntry{"entry-1"}}) == 10);
  using Kind = Change::Kind;
  const std::vector<Change> want = {
      {1, Kind::kEntry, "entry-1"},
      {2, Kind::kEntry, "entry-2"},
      {3, Kind::kAgent, SampleAgent(3).id.ToString()},
      {4, Kind::kBundle, "td4.example"},
      {5, Kind::kJoinToken, ""},
      {6, Kind::kJournal, ""},
      {7, Kind::kJoinToken, ""},
      {8, Kind::kAgent, SampleAgent(3).id.ToString()},
      {9, Kind::kBundle, "td4.example"},
      {10, Kind::kEntry, "entry-1"},
  };
  CHECK(store->ChangesSince(0, 100).value() == want);
  CHECK(store->ChangesSince(4, 2).value() == std::vector<Change>{want[4], want[5]});
  CHECK(store->ChangesSince(10, 100).value().empty());
  CHECK(store->ChangesSince(11, 100).value().empty());
}

TEST_CASE("store: a failed transaction leaves no trace and no gap") {
  Subject store(GENERATE("memory", "sqlite"));
  store.Commit(Everything());
  const Contents before = store.Load();
  struct Case {
    Write bad;
    Code code;
  };
  Entry taken_row = SampleEntry(2);
  taken_row.id = "other";
  Entry no_row = SampleEntry(0);
  Agent taken_serial = SampleAgent(30);
  taken_serial.serial = SampleAgent(3).serial;
  Journal two_active = SampleJournal();
  two_active.x509[1].status = SlotStatus::kActive;
  const std::vector<Case> cases = {
      {TakeJoinToken{"unknown"}, Code::kNotFound},
      {PutJoinToken{{"s3cret", 1}}, Code::kAlreadyExists},
      {PutEntry{taken_row}, Code::kAlreadyExists},
      {PutEntry{no_row}, Code::kInvalidArgument},
      {PutAgent{taken_serial}, Code::kAlreadyExists},
      {PutJournal{two_active}, Code::kAlreadyExists},
  };
  for (const auto& c : cases) {
    Entry changed = SampleEntry(1);
    changed.hint = "changed";
    const std::vector<Write> writes = {PutEntry{changed},
                                       DeleteEntry{"entry-2"},
                                       PutEntry{SampleEntry(2)},
                                       PutEntry{SampleEntry(50)},
                                       DeleteAgent{SampleAgent(3).id},
                                       PutAgent{SampleAgent(3)},
                                       DeleteBundle{Domain("td4.example")},
                                       PutJoinToken{{"new", 5}},
                                       PutJournal{{}},
                                       c.bad};
    const auto failed = store->Commit(writes);
    REQUIRE_FALSE(failed.ok());
    CHECK(failed.error().code == c.code);
    CHECK_THAT(failed.error().message, !Catch::Contains("s3cret") && !Catch::Contains("unknown'"));
    CHECK(SameContents(store.Load(), before));
  }
  store.Restart();
  CHECK(SameContents(store.Load(), before));
  CHECK(store.Commit({PutEntry{SampleEntry(60)}}) == before.revision + 1);
}

TEST_CASE("store: a token can be put and taken in one transaction, and again later") {
  Subject store(GENERATE("memory", "sqlite"));
  store.Commit({PutJoinToken{{"t", 1}}, TakeJoinToken{"t"}, PutJoinToken{{"t", 2}}});
  CHECK(store.Load().join_tokens == std::vector<JoinToken>{{"t", 2}});
}

TEST_CASE("store: of 64 threads that take one join token, one wins") {
  Subject store(GENERATE("memory", "sqlite"));
  store.Commit({PutJoinToken{{"once", 1}}});
  std::atomic<int> winners = 0;
  std::atomic<int> not_found = 0;
  std::atomic<bool> go = false;
  std::vector<std::thread> threads;
  for (int i = 1; i <= 64; ++i) {
    threads.emplace_back([&, i] {
      while (!go) {
        std::this_thread::yield();
      }
      const std::vector<Write> writes = {PutAgent{SampleAgent(i)}, TakeJoinToken{"once"}};
      const auto committed = store->Commit(writes);
      winners += committed.ok() ? 1 : 0;
      not_found += committed.code() == Code::kNotFound ? 1 : 0;
    });
  }
  go = true;
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(winners == 1);
  CHECK(not_found == 63);
  CHECK(store.Load().agents.size() == 1);
  CHECK(store.Load().revision == 3);
}

TEST_CASE(
    "store: the change log is bounded, and who is further behind is told to load everything") {
  Subject store(GENERATE("memory", "sqlite"));
  const std::vector<Write> batch(kKeptChanges, DeleteEntry{"nobody"});
  store.Commit(batch);
  store.Commit(batch);
  store.Commit({DeleteEntry{"last"}});
  const std::uint64_t last = 2 * kKeptChanges + 1;
  CHECK(store->ChangesSince(last - kKeptChanges, kKeptChanges).value().size() == kKeptChanges);
  REQUIRE_ERROR(store->ChangesSince(0, 1), Code::kOutOfRange, "load everything");
  store.Restart();
  CHECK(store.Load().revision == last);
}

}  // namespace signet::store::test
