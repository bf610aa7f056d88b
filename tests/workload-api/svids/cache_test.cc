#include "workload-api/svids/cache.h"

#include <catch2/catch.hpp>

#include "tests/workload-api/svids/entries.h"

namespace signet::svids {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace test;

std::vector<std::string> DueIds(const Cache& cache, Duration elapsed) {
  std::vector<std::string> ids;
  for (const Entry& entry : cache.Due(After(elapsed))) {
    ids.push_back(entry.id);
  }
  return ids;
}

using Ids = std::vector<std::string>;

TEST_CASE("a new entry is due at once, and again at half life of its SVID") {
  Cache cache(Td());
  const Entry entry = MakeEntry("e1", "/web", {Uid(1)});
  cache.SetEntries({entry});
  CHECK(DueIds(cache, {}) == Ids{"e1"});
  CHECK(cache.NextDue(After({})) == Duration::zero());

  cache.PutSvid(entry, FakeSvid("web"));
  CHECK(DueIds(cache, seconds(49)).empty());
  CHECK(cache.NextDue(After(seconds(49))) == seconds(1));
  CHECK(DueIds(cache, seconds(50)) == Ids{"e1"});
}

TEST_CASE(
    "entries without an SVID come before renewals, and those nearer to their end before others") {
  Cache cache(Td());
  const Entry early = MakeEntry("early", "/a", {Uid(1)});
  const Entry late = MakeEntry("late", "/b", {Uid(2)});
  cache.SetEntries({late, early, MakeEntry("new", "/c", {Uid(3)})});
  cache.PutSvid(early, FakeSvid("early"));
  cache.PutSvid(late, FakeSvid("late", kStart + seconds(20)));
  CHECK(DueIds(cache, seconds(90)) == Ids{"new", "early", "late"});
}

TEST_CASE("an update that leaves the certificate as it is costs no signature") {
  Cache cache(Td());
  Entry entry = MakeEntry("e1", "/web", {Uid(1)});
  cache.SetEntries({entry});
  cache.PutSvid(entry, FakeSvid("web"));

  entry.revision_number = 7;
  entry.hint = "internal";
  entry.selectors = {Uid(2)};
  entry.federates_with = {Td("other.org")};
  cache.SetEntries({entry});
  CHECK(DueIds(cache, {}).empty());
  CHECK(cache.Federated() == std::set{Td("other.org")});
}

TEST_CASE(
    "an update that changes the certificate is due, and the old SVID is served until the new one "
    "comes") {
  Cache cache(Td());
  Entry entry = MakeEntry("e1", "/web", {Uid(1)});
  cache.SetEntries({entry});
  cache.PutSvid(entry, FakeSvid("web"));

  SECTION("another TTL") { entry.x509_svid_ttl = 60; }
  SECTION("another DNS name") { entry.dns_names = {"web.example.org"}; }
  SECTION("deleted and made again under the same id") { entry.created_at = 200; }
  cache.SetEntries({entry});
  CHECK(DueIds(cache, {}) == Ids{"e1"});
  CHECK(cache.Take(kStart)->identities[0]->svid != nullptr);
}

TEST_CASE("an entry that comes to mean another SPIFFE ID loses its SVID at once") {
  Cache cache(Td());
  const Entry entry = MakeEntry("e1", "/web", {Uid(1)});
  cache.SetEntries({entry});
  cache.PutSvid(entry, FakeSvid("web"));
  cache.SetEntries({MakeEntry("e1", "/db", {Uid(1)})});
  CHECK(cache.Take(kStart)->identities[0]->svid == nullptr);

  cache.PutSvid(entry, FakeSvid("web, issued meanwhile"));
  CHECK(cache.Take(kStart)->identities[0]->svid == nullptr);
}

TEST_CASE(
    "a refused entry is due again after pauses that grow, and at once when something changed") {
  Cache cache(Td());
  Entry entry = MakeEntry("e1", "/web", {Uid(1)});
  cache.SetEntries({entry, MakeEntry("e2", "/db", {Uid(2)})});
  CHECK(cache.Refused("e1", After({}).mono, 0.0) == 1);
  CHECK(DueIds(cache, {}) == Ids{"e2"});
  CHECK(DueIds(cache, milliseconds(249)) == Ids{"e2"});
  CHECK(DueIds(cache, milliseconds(250)).size() == 2);
  cache.PutSvid(MakeEntry("e2", "/db", {Uid(2)}), FakeSvid("db"));
  CHECK(cache.NextDue(After({})) == milliseconds(250));
  CHECK(cache.Refused("e1", After({}).mono, 0.0) == 2);
  CHECK(cache.NextDue(After({})) == milliseconds(500));
  CHECK(cache.Refused("e1", After({}).mono, 0.5) == 3);
  CHECK(cache.NextDue(After({})) == milliseconds(750));  // a second, less a quarter by the jitter
  for (int i = 0; i < 20; ++i) {
    cache.Refused("e1", After({}).mono, 0.0);
  }
  CHECK(cache.NextDue(After({})) == seconds(30));
  cache.SetEntries({entry, MakeEntry("e2", "/db", {Uid(2)})});
  CHECK(cache.NextDue(After({})) == seconds(30));  // a sync that brings nothing new

  SECTION("told to ask again") { cache.AskAgain("e1"); }
  SECTION("another entry under its id") {
    entry.revision_number = 2;
    cache.SetEntries({entry});
  }
  CHECK(DueIds(cache, {}) == Ids{"e1"});
  CHECK(cache.Refused("e1", After({}).mono, 0.0) == 1);
  CHECK(cache.Refused("no such entry", After({}).mono, 0.0) == 0);
}

TEST_CASE("an entry that goes takes its SVID with it") {
  Cache cache(Td());
  const Entry entry = MakeEntry("e1", "/web", {Uid(1)});
  cache.SetEntries({entry});
  cache.PutSvid(entry, FakeSvid("web"));
  cache.SetEntries({});
  CHECK(cache.Take(kStart)->identities.empty());
  cache.PutSvid(entry, FakeSvid("late answer"));
  CHECK(cache.Take(kStart)->identities.empty());
  CHECK_FALSE(cache.NextDue(After({})).has_value());
}

TEST_CASE(
    "identities come oldest entry first, by creation and then by id, whatever the order of "
    "arrival") {
  Cache cache(Td());
  Entry old = MakeEntry("zz", "/old", {Uid(1)});
  old.created_at = 50;
  cache.SetEntries({MakeEntry("b", "/b", {Uid(1)}), old, MakeEntry("a", "/a", {Uid(1)})});
  Ids order;
  const auto snapshot = cache.Take(kStart);
  for (const auto& identity : snapshot->identities) {
    order.push_back(identity->entry.id);
  }
  CHECK(order == Ids{"zz", "a", "b"});
}

TEST_CASE("a foreign bundle goes with the last entry that federates with it, the own one stays") {
  Cache cache(Td());
  Entry web = MakeEntry("1", "/web", {Uid(1)});
  web.federates_with = {Td("other.org")};
  cache.SetEntries({web});
  cache.SetBundle(FakeBundle("example.org", "root"));
  cache.SetBundle(FakeBundle("other.org", "theirs"));
  cache.SetEntries({web, MakeEntry("2", "/api", {Uid(2)})});
  CHECK(cache.Take(kStart)->bundles.size() == 2);
  cache.SetEntries({MakeEntry("2", "/api", {Uid(2)})});
  const auto left = cache.Take(kStart);
  CHECK(left->bundles.size() == 1);
  CHECK(left->bundles.contains(Td()));
}

TEST_CASE("snapshots carry the bundles, have rising versions and do not change afterwards") {
  Cache cache(Td());
  cache.SetBundle(FakeBundle("example.org", "root"));
  cache.SetBundle(FakeBundle("other.org", "theirs"));
  const auto first = cache.Take(kStart);
  cache.RemoveBundle(Td("other.org"));
  const auto second = cache.Take(kStart);
  CHECK(first->bundles.size() == 2);
  CHECK(second->bundles.size() == 1);
  CHECK(second->version > first->version);
}

}  // namespace
}  // namespace signet::svids
