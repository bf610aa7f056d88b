#include "workload-api/svids/hub.h"

#include "tests/support/result.h"
#include "tests/workload-api/svids/entries.h"
#include "workload.pb.h"

namespace signet::svids {
namespace {

using std::chrono::seconds;
using namespace test;

struct World {
  World() {
    cache.SetEntries({web, db});
    cache.PutSvid(web, FakeSvid("web"));
    cache.PutSvid(db, FakeSvid("db"));
    cache.SetBundle(FakeBundle("example.org", "root1"));
  }
  void Publish(Duration elapsed = {}) { hub.Publish(cache.Take(kStart + elapsed)); }
  Hub::Opened Open(int uid, std::vector<Update>& updates, Topic topic = Topic::kX509Svids) {
    return hub.Subscribe({Uid(uid)}, topic,
                         [&updates](const Update& update) { updates.push_back(update); });
  }
  Entry web = MakeEntry("1-web", "/web", {Uid(1000)});
  Entry db = MakeEntry("2-db", "/db", {Uid(2000)});
  Cache cache{Td()};
  Hub hub{"waiting for the server"};
};

TEST_CASE("before the first snapshot a stream is told why it must wait") {
  World world;
  std::vector<Update> updates;
  REQUIRE_ERROR(world.Open(1000, updates).first.status, Code::kUnavailable,
                "waiting for the server");
  world.hub.SetReason("the server refused the join token");
  REQUIRE_ERROR(world.Open(1000, updates).first.status, Code::kUnavailable,
                "refused the join token");
}

TEST_CASE("the newest snapshot is whole, and not to be had before the first or after the end") {
  World world;
  REQUIRE_ERROR(world.hub.Newest(), Code::kUnavailable, "waiting for the server");
  world.Publish();
  world.Publish();
  const auto newest = world.hub.Newest();
  REQUIRE_OK(newest);
  CHECK((*newest)->version == 2);
  CHECK((*newest)->identities.size() == 2);
  world.hub.Close(PermissionDenied("banned"));
  REQUIRE_ERROR(world.hub.Newest(), Code::kPermissionDenied, "banned");
}

TEST_CASE(
    "WL-06: a stream gets the full state at once, and streams of the same selectors share its "
    "bytes") {
  World world;
  world.Publish();
  std::vector<Update> updates;
  const Hub::Opened one = world.Open(1000, updates);
  const Hub::Opened two = world.Open(1000, updates);
  REQUIRE(one.first.message != nullptr);
  CHECK(one.first.message.get() == two.first.message.get());
  CHECK(world.hub.subscribers() == 2);
}

TEST_CASE("WL-05: only streams whose content changed are told, with the complete state") {
  World world;
  world.Publish();
  std::vector<Update> web_updates;
  std::vector<Update> db_updates;
  const Hub::Opened web = world.Open(1000, web_updates);
  const Hub::Opened db = world.Open(2000, db_updates);

  world.cache.PutSvid(world.web, FakeSvid("web, renewed"));
  world.Publish();
  REQUIRE(web_updates.size() == 1);
  CHECK(web_updates[0].version > web.first.version);
  X509SVIDResponse response;
  REQUIRE(response.ParseFromString(*web_updates[0].message));
  CHECK(response.svids(0).x509_svid() == "chain of web, renewed");
  CHECK(db_updates.empty());

  world.Publish();
  CHECK(web_updates.size() == 1);
  world.cache.SetBundle(FakeBundle("example.org", "root1root2"));
  world.Publish();
  CHECK(web_updates.size() == 2);
  CHECK(db_updates.size() == 1);
}

TEST_CASE("bundle streams hear of bundles and not of renewed SVIDs") {
  World world;
  world.Publish();
  std::vector<Update> updates;
  const Hub::Opened opened = world.Open(1000, updates, Topic::kX509Bundles);
  world.cache.PutSvid(world.web, FakeSvid("web, renewed"));
  world.Publish();
  CHECK(updates.empty());
  world.cache.SetBundle(FakeBundle("example.org", "root2"));
  world.Publish();
  REQUIRE(updates.size() == 1);
  X509BundlesResponse response;
  REQUIRE(response.ParseFromString(*updates[0].message));
  CHECK(response.bundles().at("spiffe://example.org") == "root2");
}

TEST_CASE("streams of holdings hear of renewed SVIDs and of bundles, as values") {
  World world;
  world.Publish();
  std::vector<Update> updates;
  const Hub::Opened opened = world.Open(1000, updates, Topic::kHoldings);
  REQUIRE(opened.first.holdings != nullptr);
  CHECK(opened.first.holdings->identities.size() == 1);
  CHECK(opened.first.message == nullptr);
  world.cache.PutSvid(world.web, FakeSvid("web, renewed"));
  world.Publish();
  REQUIRE(updates.size() == 1);
  CHECK(AsText(updates[0].holdings->identities[0]->svid->chain) == "chain of web, renewed");
  world.cache.PutSvid(world.db, FakeSvid("db, renewed"));
  world.Publish();
  CHECK(updates.size() == 1);
  world.cache.SetBundle(FakeBundle("example.org", "root2"));
  world.Publish();
  REQUIRE(updates.size() == 2);
  CHECK(AsText(*updates[1].holdings->bundles.at(Td())) == "root2");
  world.cache.SetEntries({world.db});
  world.Publish();
  REQUIRE(updates.size() == 3);
  REQUIRE_ERROR(updates[2].status, Code::kPermissionDenied, "no identity issued");
}

TEST_CASE("a stream of holdings opens while there is a bundle and no SVID yet") {
  World world;
  world.cache.SetEntries({MakeEntry("4-new", "/new", {Uid(4000)})});
  world.Publish();
  std::vector<Update> updates;
  const Hub::Opened opened = world.Open(4000, updates, Topic::kHoldings);
  REQUIRE(opened.subscription != nullptr);
  CHECK(opened.first.holdings->identities.empty());
  CHECK(opened.first.holdings->bundles.size() == 1);
}

TEST_CASE("WL-20: the stream of a workload whose last identity goes is ended") {
  World world;
  world.Publish();
  std::vector<Update> updates;
  const Hub::Opened opened = world.Open(1000, updates);
  world.cache.SetEntries({world.db});
  world.Publish();
  REQUIRE(updates.size() == 1);
  REQUIRE_ERROR(updates[0].status, Code::kPermissionDenied, "no identity issued");
  CHECK(updates[0].message == nullptr);
  REQUIRE_ERROR(world.Open(1000, updates).first.status, Code::kPermissionDenied,
                "no identity issued");
}

TEST_CASE("an open stream is left alone while its SVID is expired, a new one is told to wait") {
  World world;
  world.Publish();
  std::vector<Update> updates;
  const Hub::Opened opened = world.Open(1000, updates);
  world.Publish(seconds(200));
  CHECK(updates.empty());
  std::vector<Update> others;
  CHECK(world.Open(1000, others).first.status.code() == Code::kUnavailable);

  world.cache.PutSvid(world.web, FakeSvid("web, renewed", kStart + seconds(200)));
  world.Publish(seconds(200));
  CHECK(updates.size() == 1);
}

TEST_CASE("a subscription that ended is told nothing more") {
  World world;
  world.Publish();
  std::vector<Update> updates;
  Hub::Opened opened = world.Open(1000, updates);
  opened.subscription.reset();
  CHECK(world.hub.subscribers() == 0);
  world.cache.SetEntries({});
  world.Publish();
  CHECK(updates.empty());
}

TEST_CASE(
    "delivery is reported once the last stream has let go of the update, at once when nobody is "
    "concerned") {
  World world;
  world.Publish();
  std::vector<Update> updates;
  const Hub::Opened opened = world.Open(1000, updates);
  const Hub::Opened other = world.Open(2000, updates);
  int delivered = 0;
  world.hub.Publish(world.cache.Take(kStart), [&delivered] { ++delivered; });
  CHECK(delivered == 1);

  world.cache.SetBundle(FakeBundle("example.org", "root2"));
  world.hub.Publish(world.cache.Take(kStart), [&delivered] { ++delivered; });
  REQUIRE(updates.size() == 2);
  CHECK(delivered == 1);
  updates.pop_back();
  CHECK(delivered == 1);
  updates.clear();
  CHECK(delivered == 2);
}

TEST_CASE("closing ends every stream and refuses new ones") {
  World world;
  world.Publish();
  std::vector<Update> updates;
  const Hub::Opened opened = world.Open(1000, updates);
  world.hub.Close(PermissionDenied("this agent was banned"));
  REQUIRE(updates.size() == 1);
  REQUIRE_ERROR(updates[0].status, Code::kPermissionDenied, "banned");
  REQUIRE_ERROR(world.Open(2000, updates).first.status, Code::kPermissionDenied, "banned");
}

TEST_CASE("a listener may end its own subscription") {
  World world;
  world.Publish();
  Hub::Opened opened;
  opened = world.hub.Subscribe({Uid(1000)}, Topic::kX509Svids,
                               [&opened](const Update&) { opened.subscription.reset(); });
  world.cache.SetEntries({});
  world.Publish();
  CHECK(world.hub.subscribers() == 0);
}

}  // namespace
}  // namespace signet::svids
