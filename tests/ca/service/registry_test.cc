#include "ca/service/registry.h"

#include <atomic>
#include <thread>

#include "ca/store/sqlite_store.h"
#include "tests/ca/service/service_world.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

using namespace signet;
using test::EntryOf;
using test::IdOf;
using test::ServiceWorld;

TEST_CASE("after the start nothing that agents do reads the store") {
  ServiceWorld world;
  const int reads = world.store.reads;
  const auto agent = world.Attest("t");
  const auto entry = world.Create(EntryOf("/web", agent.id.path()));
  CHECK_FALSE(world.authorizer.Check("/spire.api.server.svid.v1.SVID/BatchNewX509SVID",
                                     world.CallerOf(agent)));
  CHECK(world.entries.Authorized(agent.id).value().size() == 1);
  const Bytes csr = ServiceWorld::Csr();
  const std::vector<service::SvidRequest> requests = {{entry->id, csr}};
  const auto issued = world.svids.BatchNewX509(agent.id, requests);
  REQUIRE_OK(issued[0]);
  static_cast<void>(world.attestation.Renew(agent.id, csr));
  REQUIRE_OK(world.agents.PostStatus(agent.id, "1"));
  REQUIRE_OK(world.bundles.Own());
  CHECK(world.store.reads == reads);
}

TEST_CASE("no RPC of an agent runs a statement that reads the database") {
  test::TempDir dir;
  std::mutex mutex;
  std::vector<std::string> statements;
  const auto take = [&] {
    const std::lock_guard lock(mutex);
    return std::exchange(statements, {});
  };
  ServiceWorld world(store::OpenSqliteStore(dir.File("db"), {.on_statement =
                                                                 [&](std::string_view sql) {
                                                                   const std::lock_guard lock(
                                                                       mutex);
                                                                   statements.emplace_back(sql);
                                                                 }})
                         .value());
  REQUIRE_OK(world.agents.CreateJoinToken({.ttl_seconds = 60, .token = "t"}));
  const auto entry = world.Create(EntryOf("/web", "/spire/agent/join_token/t"));
  const Bytes csr = ServiceWorld::Csr();
  CHECK_FALSE(take().empty());  // the hook works

  const auto agent = world.TryAttest("t");
  REQUIRE_OK(agent);
  static_cast<void>(world.attestation.Renew(agent->id, csr));
  REQUIRE_OK(world.agents.PostStatus(agent->id, "1"));
  for (const std::string& sql : take()) {
    INFO(sql);
    CHECK_FALSE(sql.starts_with("SELECT"));  // what writes only writes
  }
  CHECK_FALSE(world.authorizer.Check("/spire.api.server.svid.v1.SVID/BatchNewX509SVID",
                                     world.CallerOf(*agent)));
  CHECK(world.entries.Authorized(agent->id).value().size() == 1);
  const std::vector<service::SvidRequest> requests = {{entry->id, csr}};
  const auto issued = world.svids.BatchNewX509(agent->id, requests);
  REQUIRE_OK(issued[0]);
  REQUIRE_OK(world.bundles.Own());
  CHECK(take().empty());  // what reads runs no statement at all
}

TEST_CASE("a registry that is loaded again holds what the first one held") {
  ServiceWorld world;
  const auto agent = world.Attest("t");
  const auto entry = world.Create(EntryOf("/web", agent.id.path()));
  const auto gone = world.Create(EntryOf("/gone", agent.id.path(), {"a:1"}));
  REQUIRE_OK(world.Delete(gone->id));
  REQUIRE_OK(world.agents.CreateJoinToken({.ttl_seconds = 60, .token = "unused"}));
  const auto again =
      service::Registry::Open(world.store, service::ServerId(world.trust_domain)).value();
  CHECK(again->revision() == world.registry->revision());
  CHECK(*again->FindAgent(agent.id) == *world.registry->FindAgent(agent.id));
  CHECK(*again->FindEntry(entry->id) == *entry);
  CHECK(again->EntriesAfter(0, 10).size() == 1);
  CHECK(again->FindBundle(world.trust_domain)->bundle == world.bundles.Own().value()->bundle);
  CHECK(again->Read([](const service::RegistryTables& tables) {
    return tables.FindJoinToken("unused") != nullptr && tables.FindJoinToken("t") == nullptr;
  }));
  // Rows go on above every row ever given: pages never see a new record behind their token.
  CHECK(again->NewRow() > entry->row);
}

TEST_CASE("a plan that fails leaves no trace, one without writes commits nothing") {
  ServiceWorld world;
  const auto revision = world.registry->revision();
  const int commits = world.store.commits;
  REQUIRE_ERROR(world.registry->Transact(
                    []() -> Result<std::vector<store::Write>> { return NotFound("no"); }),
                Code::kNotFound, "no");
  REQUIRE_OK(world.registry->Transact(
      []() -> Result<std::vector<store::Write>> { return std::vector<store::Write>{}; }));
  CHECK(world.registry->revision() == revision);
  CHECK(world.store.commits == commits);
}

TEST_CASE("readers and writers at the same time see whole records") {
  ServiceWorld world;
  const auto agent = world.Attest("t");
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto authorized = world.entries.Authorized(agent.id).value();
        for (const auto& entry : authorized) {
          if (entry->selectors.empty() || entry->id.empty()) {
            std::abort();
          }
        }
        static_cast<void>(world.authorizer.Check(
            "/spire.api.server.entry.v1.Entry/GetAuthorizedEntries", world.CallerOf(agent)));
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    const auto entry = world.Create(EntryOf("/w" + std::to_string(i), agent.id.path()));
    if (i % 2 == 0) {
      REQUIRE_OK(world.Delete(entry->id));
    }
  }
  stop = true;
  for (std::thread& reader : readers) {
    reader.join();
  }
  CHECK(world.entries.Authorized(agent.id).value().size() == 100);
}
