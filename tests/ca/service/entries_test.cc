#include "ca/service/entries.h"

#include "tests/ca/service/service_world.h"
#include "tests/support/result.h"

using namespace signet;
using test::EntryOf;
using test::IdOf;
using test::ServiceWorld;

TEST_CASE("an entry gets an id, revision 0 and its time, and is read back") {
  ServiceWorld world;
  const auto entry = world.Create(EntryOf("/web", "/host"));
  CHECK(entry->id.size() == 36);
  CHECK(entry->revision_number == 0);
  CHECK(entry->created_at == UnixSeconds(world.clock.Now()));
  CHECK(*world.entries.Get(entry->id).value() == *entry);
  REQUIRE_ERROR(world.entries.Get("no-such"), Code::kNotFound, "entry not found");
  REQUIRE_ERROR(world.entries.Get(""), Code::kInvalidArgument, "missing ID");
}

TEST_CASE("an entry that breaks a rule is refused with the rule") {
  struct Row {
    const char* name;
    void (*spoil)(service::EntryInput&);
    Code code;
    const char* text;
  };
  const Row rows[] = {
      {"no SPIFFE ID", [](auto& e) { e.spiffe_id.reset(); }, Code::kInvalidArgument, "missing"},
      {"reserved path /spire", [](auto& e) { e.spiffe_id = IdOf("/spire"); },
       Code::kInvalidArgument, "reserved"},
      {"reserved path below /spire", [](auto& e) { e.spiffe_id = IdOf("/spire/agent/x"); },
       Code::kInvalidArgument, "reserved"},
      {"2,049-byte ID", [](auto& e) { e.spiffe_id = IdOf("/" + std::string(2028, 'a')); },
       Code::kInvalidArgument, "2048"},
      {"other trust domain",
       [](auto& e) {
         e.spiffe_id = {{"other.org", "/web"}};
       },
       Code::kInvalidArgument, "not a member"},
      {"ID without path", [](auto& e) { e.spiffe_id = IdOf(""); }, Code::kInvalidArgument, "path"},
      {"dot segment", [](auto& e) { e.spiffe_id = IdOf("/a/../b"); }, Code::kInvalidArgument,
       "invalid spiffe ID"},
      {"foreign parent",
       [](auto& e) {
         e.parent_id = {{"other.org", "/host"}};
       },
       Code::kInvalidArgument, "invalid parent ID"},
      {"no selector", [](auto& e) { e.selectors.clear(); }, Code::kInvalidArgument,
       "selector list is empty"},
      {"selector type with colon", [](auto& e) { e.selectors[0].type = "a:b"; },
       Code::kInvalidArgument, "':'"},
      {"selector without value", [](auto& e) { e.selectors[0].value = ""; }, Code::kInvalidArgument,
       "value"},
      {"duplicate selectors", [](auto& e) { e.selectors.push_back(e.selectors[0]); },
       Code::kAlreadyExists, "twice"},
      {"negative TTL", [](auto& e) { e.x509_svid_ttl = -1; }, Code::kInvalidArgument, "negative"},
      {"negative JWT TTL", [](auto& e) { e.jwt_svid_ttl = -1; }, Code::kInvalidArgument,
       "negative"},
      {"DNS name with a space", [](auto& e) { e.dns_names = {"a b"}; }, Code::kInvalidArgument,
       "DNS name"},
      {"wildcard inside", [](auto& e) { e.dns_names = {"a.*.b"}; }, Code::kInvalidArgument,
       "DNS name"},
      {"trailing dot", [](auto& e) { e.dns_names = {"a.b."}; }, Code::kInvalidArgument,
       "empty label"},
      {"duplicate DNS names",
       [](auto& e) {
         e.dns_names = {"a", "a"};
       },
       Code::kAlreadyExists, "twice"},
      {"bad federated domain", [](auto& e) { e.federates_with = {"UP"}; }, Code::kInvalidArgument,
       "federated"},
      {"unknown federated bundle", [](auto& e) { e.federates_with = {"other.org"}; },
       Code::kInternal, "federated bundle"},
      {"id with a slash", [](auto& e) { e.id = "a/b"; }, Code::kInvalidArgument, "entry ID"},
      {"id over 255 bytes", [](auto& e) { e.id = std::string(256, 'a'); }, Code::kInvalidArgument,
       "255"},
      {"store_svid with two types",
       [](auto& e) {
         e.store_svid = true;
         e.selectors.push_back({"other", "x"});
       },
       Code::kInvalidArgument, "store_svid"},
      {"store_svid without prefetch",
       [](auto& e) {
         e.store_svid = true;
         e.additional_attributes = store::AdditionalAttributes{true, false};
       },
       Code::kInvalidArgument, "exclude"},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      ServiceWorld world;
      service::EntryInput input = EntryOf("/web", "/host");
      row.spoil(input);
      const auto results = world.entries.Create({input, EntryOf("/ok", "/host")});
      REQUIRE(results.size() == 2);
      REQUIRE_ERROR(results[0].status, row.code, row.text);
      CHECK_FALSE(results[0].entry);
      REQUIRE_OK(results[1].status);
      CHECK(world.entries.Count({}).value() == 1);
    }
  }
}

TEST_CASE("ID-13, ID-14: an ID of 2,048 bytes is registered, one of 2,049 refused") {
  ServiceWorld world;
  const std::size_t before_path = std::string("spiffe://example.org").size();
  const auto path = [&](std::size_t id_bytes) {
    return "/" + std::string(id_bytes - before_path - 1, 'a');
  };
  CHECK(world.Create(EntryOf(path(2048), "/host"))->spiffe_id.ToString().size() == 2048);
  const auto longer = world.entries.Create({EntryOf(path(2049), "/host")});
  REQUIRE_ERROR(longer[0].status, Code::kInvalidArgument, "2048");
}

TEST_CASE("WL-42: a hint of 1,024 bytes is registered, one of 1,025 refused") {
  ServiceWorld world;
  service::EntryInput input = EntryOf("/web", "/host");
  input.hint = std::string(1025, 'h');
  const auto longer = world.entries.Create({input});
  REQUIRE_ERROR(longer[0].status, Code::kInvalidArgument, "1024");
  input.hint.pop_back();
  CHECK(world.Create(input)->hint == input.hint);
}

TEST_CASE("a similar entry is ALREADY_EXISTS with the one that is there, whatever else differs") {
  ServiceWorld world;
  const auto first = world.Create(EntryOf("/web", "/host", {"a:1", "b:2"}));
  service::EntryInput similar = EntryOf("/web", "/host", {"b:2", "a:1"});
  similar.hint = "other";
  similar.id = "my-id";
  const auto results = world.entries.Create({similar});
  REQUIRE_ERROR(results[0].status, Code::kAlreadyExists, "similar entry already exists");
  CHECK(*results[0].entry == *first);
}

TEST_CASE("items of one batch see each other") {
  ServiceWorld world;
  service::EntryInput with_id = EntryOf("/a", "/host");
  with_id.id = "same";
  service::EntryInput same_id = EntryOf("/b", "/host");
  same_id.id = "same";
  const auto results = world.entries.Create({with_id, EntryOf("/a", "/host"), same_id});
  REQUIRE_OK(results[0].status);
  REQUIRE_ERROR(results[1].status, Code::kAlreadyExists, "similar");
  CHECK(results[1].entry->id == "same");
  REQUIRE_ERROR(results[2].status, Code::kAlreadyExists, "same");
  CHECK_FALSE(results[2].entry);
}

TEST_CASE("an update replaces only what the mask picks and raises the revision every time") {
  ServiceWorld world;
  service::EntryInput input = EntryOf("/web", "/host");
  input.hint = "before";
  const auto entry = world.Create(input);
  service::EntryFields only_hint{false, false, false, false, false, false, false,
                                 false, false, false, false, true,  false};
  const auto updated = world.entries.Update({{.id = entry->id, .hint = "after"}}, only_hint);
  REQUIRE_OK(updated[0].status);
  CHECK(updated[0].entry->hint == "after");
  CHECK(updated[0].entry->spiffe_id == entry->spiffe_id);
  CHECK(updated[0].entry->selectors == entry->selectors);
  CHECK(updated[0].entry->revision_number == 1);
  CHECK(updated[0].entry->created_at == entry->created_at);
  const auto again = world.entries.Update({{.id = entry->id, .hint = "after"}}, only_hint);
  CHECK(again[0].entry->revision_number == 2);
  REQUIRE_ERROR(world.Update({.id = entry->id}, {}), Code::kInvalidArgument,
                "failed to convert entry");
  REQUIRE_ERROR(world.Update({.id = "none"}, only_hint), Code::kNotFound, "failed to update entry");
}

TEST_CASE("a commit that fails fails its items and changes nothing") {
  ServiceWorld world;
  world.store.fail_commits = true;
  const auto results = world.entries.Create({EntryOf("/web", "/host")});
  REQUIRE_ERROR(results[0].status, Code::kInternal, "disk full");
  CHECK(world.entries.Count({}).value() == 0);
}

TEST_CASE("deleting answers for each id, also one that is named twice") {
  ServiceWorld world;
  const auto entry = world.Create(EntryOf("/web", "/host"));
  const auto results = world.entries.Delete({entry->id, entry->id, "", "none"});
  REQUIRE_OK(results[0]);
  REQUIRE_ERROR(results[1], Code::kNotFound, "not found");
  REQUIRE_ERROR(results[2], Code::kInvalidArgument, "missing");
  REQUIRE_ERROR(results[3], Code::kNotFound, "not found");
  CHECK(world.entries.Count({}).value() == 0);
}

TEST_CASE("filters pick by every part, and a false by_downstream is no filter") {
  ServiceWorld world;
  service::EntryInput one = EntryOf("/one", "/host", {"a:1", "b:2"});
  one.hint = "h";
  one.downstream = true;
  world.Create(one);
  world.Create(EntryOf("/two", "/other", {"a:1"}));
  using Match = service::Match;
  const auto count = [&](const service::EntryFilter& filter) {
    return world.entries.Count(filter).value();
  };
  CHECK(count({}) == 2);
  CHECK(count({.spiffe_id = IdOf("/one")}) == 1);
  CHECK(count({.parent_id = IdOf("/other")}) == 1);
  CHECK(count({.hint = "h"}) == 1);
  CHECK(count({.only_downstream = true}) == 1);
  CHECK(count({.selectors = {{{{"a", "1"}}, Match::kExact}}}) == 1);
  CHECK(count({.selectors = {{{{"a", "1"}}, Match::kSuperset}}}) == 2);
  CHECK(count({.selectors = {{{{"a", "1"}, {"c", "3"}}, Match::kSubset}}}) == 1);
  CHECK(count({.selectors = {{{{"b", "2"}, {"c", "3"}}, Match::kAny}}}) == 1);
  REQUIRE_ERROR(world.entries.Count({.selectors = {{{}, Match::kAny}}}), Code::kInvalidArgument,
                "empty selector set");
  REQUIRE_ERROR(world.entries.Count({.spiffe_id = IdOf("/spire/server")}), Code::kInvalidArgument,
                "malformed");
}

TEST_CASE("a scan by pages sees everything once and ends with an empty page and token") {
  ServiceWorld world;
  for (int i = 0; i < 5; ++i) {
    world.Create(EntryOf("/w" + std::to_string(i), "/host"));
  }
  std::vector<std::string> seen;
  std::string token;
  int pages = 0;
  do {
    const auto page = world.entries.List({}, {2, token}).value();
    for (const auto& entry : page.items) {
      seen.push_back(entry->spiffe_id.path());
    }
    token = page.next_token;
    ++pages;
  } while (!token.empty());
  CHECK(seen == std::vector<std::string>{"/w0", "/w1", "/w2", "/w3", "/w4"});
  CHECK(pages == 4);
  REQUIRE_ERROR(world.entries.List({}, {2, "abc"}), Code::kInternal, "token");
  CHECK(world.entries.List({}, {0, "abc"}).value().items.size() == 5);
}

TEST_CASE("an agent gets its children, their children, and those of its aliases") {
  ServiceWorld world;
  const auto agent = world.Attest("t1");
  world.Create(EntryOf("/direct", agent.id.path()));
  world.Create(EntryOf("/below", "/direct"));
  world.Create(EntryOf("/stranger", "/elsewhere"));
  const auto paths = [&] {
    std::vector<std::string> found;
    const auto authorized = world.entries.Authorized(agent.id).value();
    for (const auto& entry : authorized) {
      found.push_back(entry->spiffe_id.path());
    }
    return found;
  };
  CHECK(paths() == std::vector<std::string>{"/direct", "/below"});

  SECTION("a loop of parents ends") {
    world.Create(EntryOf("/direct", "/below", {"loop:1"}));
    CHECK(paths().size() == 3);
  }
  SECTION("an alias counts if the agent has all its selectors, and is itself not issued") {
    store::Agent record = *world.registry->FindAgent(agent.id);
    record.selectors = {{"k8s", "cluster:a"}, {"k8s", "node:n1"}};
    REQUIRE_OK(world.registry->Transact([&]() -> Result<std::vector<store::Write>> {
      return std::vector<store::Write>{store::PutAgent{record}};
    }));
    world.Create(EntryOf("/cluster", "/spire/server", {"k8s:cluster:a"}));
    world.Create(EntryOf("/not-mine", "/spire/server", {"k8s:cluster:a", "k8s:node:n2"}));
    const auto shared = world.Create(EntryOf("/shared", "/cluster"));
    const auto other = world.Create(EntryOf("/other", "/not-mine"));
    CHECK(paths() == std::vector<std::string>{"/direct", "/below", "/shared"});
    CHECK(*world.registry->FindAuthorized(record, shared->id) == *shared);
    CHECK_FALSE(world.registry->FindAuthorized(record, other->id));
  }
}

TEST_CASE("expired entries are pruned, others stay") {
  ServiceWorld world;
  service::EntryInput ending = EntryOf("/ending", "/host");
  ending.expires_at = UnixSeconds(world.clock.Now()) + 10;
  world.Create(ending);
  world.Create(EntryOf("/staying", "/host"));
  CHECK(world.entries.PruneExpired().value() == 0);
  world.clock.Advance(std::chrono::seconds(11));
  CHECK(world.entries.PruneExpired().value() == 1);
  CHECK(world.entries.Count({}).value() == 1);
}
