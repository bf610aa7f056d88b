#include "workload-api/svids/view.h"

#include "tests/support/result.h"
#include "tests/workload-api/svids/entries.h"
#include "workload.pb.h"

namespace signet::svids {
namespace {

using std::chrono::seconds;
using namespace test;

/// World: two identities of uid 1000 (the second federates), one of uid 2000, two bundles.
struct World {
  World() {
    cache.SetEntries({web, api, db});
    for (const Entry& entry : {web, api, db}) {
      cache.PutSvid(entry, FakeSvid(entry.id));
    }
    cache.SetBundle(FakeBundle("example.org", "root1root2"));
    cache.SetBundle(FakeBundle("other.org", "theirs"));
  }
  View Of(std::vector<spiffe::Selector> selectors, Duration elapsed = {}) {
    return MakeView(*cache.Take(kStart + elapsed), selectors);
  }
  Entry web = MakeEntry("1-web", "/web", {Uid(1000)});
  Entry api = [] {
    Entry entry = MakeEntry("2-api", "/api", {Uid(1000), {"unix", "path:/bin/api"}});
    entry.federates_with = {Td("other.org"), Td("gone.org")};
    return entry;
  }();
  Entry db = MakeEntry("3-db", "/db", {Uid(2000)});
  Cache cache{Td()};
};

X509SVIDResponse Parse(const View& view) {
  X509SVIDResponse response;
  REQUIRE(view.svids != nullptr);
  REQUIRE(response.ParseFromString(*view.svids));
  return response;
}

TEST_CASE("holdings are what the messages hold: living SVIDs in order, own and federated bundles") {
  World world;
  const View view = world.Of({Uid(1000), {"unix", "path:/bin/api"}});
  REQUIRE(view.holdings != nullptr);
  REQUIRE(view.holdings->identities.size() == 2);
  CHECK(view.holdings->identities[0]->entry.id == "1-web");
  CHECK(view.holdings->trust_domain == Td());
  REQUIRE(view.holdings->bundles.size() == 2);
  CHECK(AsText(*view.holdings->bundles.at(Td("other.org"))) == "theirs");
  CHECK(world.Of({Uid(1000)}).holdings->bundles.size() == 1);
  CHECK(world.Of({Uid(1000)}, seconds(200)).holdings->identities.empty());
  CHECK(world.Of({Uid(3000)}).holdings == nullptr);
}

TEST_CASE(
    "WL-12, WL-13: a workload gets every identity whose selectors it has, complete, and no other") {
  World world;
  const X509SVIDResponse one = Parse(world.Of({Uid(1000)}));
  REQUIRE(one.svids_size() == 1);
  CHECK(one.svids(0).spiffe_id() == "spiffe://example.org/web");
  CHECK(one.svids(0).x509_svid() == "chain of 1-web");
  CHECK(one.svids(0).x509_svid_key() == "key of 1-web");
  CHECK(one.svids(0).bundle() == "root1root2");
  CHECK(one.federated_bundles().empty());

  const X509SVIDResponse two =
      Parse(world.Of({Uid(1000), {"unix", "path:/bin/api"}, {"unix", "gid:5"}}));
  REQUIRE(two.svids_size() == 2);
  CHECK(two.svids(0).spiffe_id() == "spiffe://example.org/web");
  CHECK(two.svids(1).spiffe_id() == "spiffe://example.org/api");
}

TEST_CASE(
    "FED-11: federated bundles come with the identities that federate, and only those that exist") {
  World world;
  const View view = world.Of({Uid(1000), {"unix", "path:/bin/api"}});
  const X509SVIDResponse response = Parse(view);
  REQUIRE(response.federated_bundles_size() == 1);
  CHECK(response.federated_bundles().at("spiffe://other.org") == "theirs");

  X509BundlesResponse bundles;
  REQUIRE(bundles.ParseFromString(*view.bundles));
  CHECK(bundles.bundles_size() == 2);
  CHECK(bundles.bundles().at("spiffe://example.org") == "root1root2");
}

TEST_CASE("WL-16: a federated trust domain without X.509 authorities is left out, not empty") {
  World world;
  world.cache.SetBundle({.trust_domain = Td("other.org")});
  const View view = world.Of({Uid(1000), {"unix", "path:/bin/api"}});
  CHECK(Parse(view).federated_bundles().empty());
  X509BundlesResponse bundles;
  REQUIRE(bundles.ParseFromString(*view.bundles));
  CHECK(bundles.bundles_size() == 1);
}

TEST_CASE("WL-20, WL-23: a workload without identity is denied, also of bundles") {
  World world;
  const View view = world.Of({Uid(3000), {"unix", "path:/bin/api"}});
  REQUIRE_ERROR(view.status, Code::kPermissionDenied, "no identity issued");
  CHECK(view.svids == nullptr);
  CHECK(view.bundles == nullptr);
}

TEST_CASE("an entry without selectors matches nobody") {
  World world;
  world.cache.SetEntries({MakeEntry("e", "/all", {})});
  CHECK(world.Of({Uid(1)}).status.code() == Code::kPermissionDenied);
}

TEST_CASE(
    "expired SVIDs are left out, with none left the workload is told to wait, and still gets "
    "bundles") {
  World world;
  CHECK(Parse(world.Of({Uid(1000)}, seconds(99))).svids_size() == 1);
  const View view = world.Of({Uid(1000)}, seconds(100));
  REQUIRE_ERROR(view.status, Code::kUnavailable, "spiffe://example.org/web");
  CHECK(view.svids == nullptr);
  CHECK(view.bundles != nullptr);
}

TEST_CASE("WL-22: without the own bundle nothing is served") {
  World world;
  world.cache.RemoveBundle(Td());
  CHECK(world.Of({Uid(1000)}).status.code() == Code::kUnavailable);
}

TEST_CASE("WL-18: of two identities with one hint the older is kept, those without a hint all") {
  World world;
  world.web.hint = world.api.hint = world.db.hint = "internal";
  world.web.created_at = 90;
  world.api.created_at = 80;
  world.db.selectors = {Uid(1000)};
  world.db.hint = "";
  world.cache.SetEntries({world.web, world.api, world.db});
  world.cache.PutSvid(world.web, FakeSvid("1-web"));
  world.cache.PutSvid(world.api, FakeSvid("2-api"));
  world.cache.PutSvid(world.db, FakeSvid("3-db"));
  const X509SVIDResponse response = Parse(world.Of({Uid(1000), {"unix", "path:/bin/api"}}));
  REQUIRE(response.svids_size() == 2);
  CHECK(response.svids(0).spiffe_id() == "spiffe://example.org/api");
  CHECK(response.svids(0).hint() == "internal");
  CHECK(response.svids(1).spiffe_id() == "spiffe://example.org/db");
}

TEST_CASE("the same state gives the same bytes") {
  World world;
  std::vector<std::string> names;
  for (char c = 'a'; c <= 'z'; ++c) {
    const std::string name(3, c);
    world.web.federates_with.push_back(Td(name));
    world.cache.SetBundle(FakeBundle(name, name));
  }
  world.cache.SetEntries({world.web});
  world.cache.PutSvid(world.web, FakeSvid("1-web"));
  CHECK(*world.Of({Uid(1000)}).svids == *world.Of({Uid(1000)}).svids);
}

TEST_CASE("a denial is explained by the nearest entry and the selectors it lacked") {
  World world;
  const auto snapshot = world.cache.Take(kStart);
  CHECK(ExplainMismatch(*snapshot, {Uid(3000), {"unix", "path:/bin/api"}}) ==
        "nearest is entry 1-web (spiffe://example.org/web), missing unix:uid:1000");
  // One for the node itself asks for one selector alone, and is nearer to nobody.
  Entry node = world.web;
  node.id = "0-node";
  node.selectors = {{"spiffe_id", "spiffe://example.org/spire/agent/x509pop/1"}};
  world.cache.SetEntries({node, world.db});
  CHECK_THAT(ExplainMismatch(*world.cache.Take(kStart), {Uid(3000)}),
             Catch::StartsWith("nearest is entry 3-db"));
  world.cache.SetEntries({node});
  CHECK_THAT(ExplainMismatch(*world.cache.Take(kStart), {Uid(3000)}),
             Catch::Contains("no entry of this agent asks"));
  world.cache.SetEntries({});
  CHECK_THAT(ExplainMismatch(*world.cache.Take(kStart), {Uid(1)}),
             Catch::Contains("no entry at all"));
}

}  // namespace
}  // namespace signet::svids
