#include "workload-api/manager/manager.h"

#include "core/crypto/certificate.h"
#include "tests/workload-api/manager/world.h"

namespace signet::manager {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::FakeUpstream;
using test::kMe;
using test::MakeEntry;
using test::Td;
using test::World;

TEST_CASE("one step leads from nothing to a served identity") {
  World world;
  world.Start();
  world.manager->Step();
  CHECK(world.manager->synced());
  const X509SVIDResponse served = world.Served();
  REQUIRE(served.svids_size() == 1);
  CHECK(served.svids(0).spiffe_id() == "spiffe://example.org/web");
  CHECK(world.upstream.attested == 1);
  CHECK(world.upstream.trusted != nullptr);
}

TEST_CASE(
    "an agent waits for its bundle and for its server, says why, and starts once they are there") {
  World world;
  world.bundle_there = false;
  world.upstream.away = Unavailable("connection refused");
  world.Start();
  world.Run(seconds(30));
  REQUIRE_ERROR(world.Refusal(), Code::kUnavailable, "bundle.pem");
  world.bundle_there = true;
  world.Run(seconds(30));
  REQUIRE_ERROR(world.Refusal(), Code::kUnavailable, "connection refused");
  world.upstream.away.reset();
  world.Run(seconds(30));
  CHECK(world.Served().svids_size() == 1);
}

TEST_CASE("SVIDs are renewed at half life, the agent's own by RenewAgent") {
  World world;
  world.Start();
  world.Run(seconds(1));
  const std::string first = world.Served().svids(0).x509_svid();
  world.Run(seconds(43));
  CHECK(world.Served().svids(0).x509_svid() == first);
  world.Run(seconds(13));
  CHECK(world.Served().svids(0).x509_svid() != first);
  CHECK(world.upstream.renewed == 0);
  world.Run(seconds(550 - 57));
  CHECK(world.upstream.renewed == 1);
  CHECK(world.upstream.attested == 1);
}

TEST_CASE("an agent that the server lets attest again renews so") {
  World world;
  world.upstream.reattestable = true;
  world.Start();
  world.Run(seconds(560));
  CHECK(world.upstream.renewed == 0);
  CHECK(world.upstream.attested == 2);
}

TEST_CASE("during an outage SVIDs are served until they end, and renewed when the server is back") {
  World world;
  world.Start();
  world.Run(seconds(1));
  world.upstream.away = Unavailable("connection refused");
  world.Run(seconds(90));
  CHECK(world.Served().svids_size() == 1);
  world.Run(seconds(15));
  REQUIRE_ERROR(world.Refusal(), Code::kUnavailable, "no valid X509-SVID");
  world.upstream.away.reset();
  world.Run(seconds(12));
  CHECK(world.Served().svids_size() == 1);
}

TEST_CASE("a server that cannot list entries for a while still renews those that are known") {
  World world;
  world.Start();
  world.Run(seconds(1));
  const int synced = world.upstream.synced;
  world.upstream.cannot_list = Unavailable("the pods of cluster \"prod\" have not been read yet");
  const auto trusted = world.upstream.trusted;
  world.upstream.NewAuthority();
  world.Run(seconds(300));  // three lives of an SVID
  CHECK(world.upstream.synced == synced);
  CHECK(world.Served().svids_size() == 1);
  CHECK(world.upstream.trusted != trusted);  // the bundle has come all the same
}

TEST_CASE("an agent that cannot attest again yet renews SVIDs as long as its own identity lasts") {
  World world;
  world.upstream.reattestable = true;
  world.Start();
  world.Run(seconds(1));
  world.upstream.cannot_attest = Unavailable("the cluster's API server is not reachable");
  world.Run(seconds(900));  // of 1000
  CHECK(world.Served().svids_size() == 1);
  world.upstream.cannot_attest.reset();
  world.Run(seconds(20));
  CHECK(world.upstream.attested == 2);
}

TEST_CASE("an agent that restarts has its identity and bundle, without a token") {
  World world;
  world.Start();
  world.Run(seconds(1));
  world.token.clear();
  world.bundle_there = false;
  world.Start();
  world.Run(seconds(1));
  CHECK(world.Served().svids_size() == 1);
  CHECK(world.upstream.attested == 1);
}

TEST_CASE(
    "a renewed identity is on disk before its first use, so that a crash at any point leaves one "
    "that works") {
  World world;
  world.Start();
  world.Run(seconds(560));
  REQUIRE(world.upstream.renewed == 1);
  const auto saved = world.state.LoadIdentity();
  REQUIRE_OK(saved);
  REQUIRE(saved->has_value());
  CHECK((*saved)->chain == world.upstream.used.back()->chain);

  // The answer to a renewal was lost in a crash: the old identity is on disk, and renews once more.
  const AgentIdentity old = **saved;
  world.Run(seconds(510));
  REQUIRE(world.upstream.renewed == 2);
  REQUIRE_OK(world.state.SaveIdentity(old));
  world.token.clear();
  world.Start();
  world.Run(seconds(1));
  CHECK(world.upstream.used.front() != nullptr);
  CHECK(world.upstream.renewed == 3);
  CHECK(world.Served().svids_size() == 1);
}

TEST_CASE("an identity that expired while the agent was away is attested anew") {
  World world;
  world.Start();
  world.Run(seconds(1));
  world.clock.Advance(hours(2));
  SECTION("with a token") {
    world.token = "token-2";
    world.Start();
    world.Run(seconds(1));
    CHECK(world.upstream.attested == 2);
    CHECK_FALSE(world.ended.has_value());
  }
  SECTION("without one the agent ends and says so") {
    world.token.clear();
    world.Start();
    world.Run(seconds(1));
    REQUIRE(world.ended.has_value());
    CHECK_THAT(world.ended->message, Catch::Contains("no join token"));
  }
}

TEST_CASE("a denied agent attests again if it can, and goes on serving meanwhile") {
  World world;
  world.Start();
  world.Run(seconds(1));
  world.upstream.denial =
      GENERATE(Denial::kExpired, Denial::kNotActive, Denial::kNotAttested, Denial::kMustReattest);
  world.Run(seconds(6));
  CHECK(world.upstream.attested == 2);
  CHECK_FALSE(world.ended.has_value());
  CHECK(world.Served().svids_size() == 1);
}

TEST_CASE("a denied agent whose token is spent deletes its identity and ends") {
  World world;
  world.Start();
  world.Run(seconds(1));
  world.upstream.denial = Denial::kNotAttested;
  world.upstream.spent_token = world.token;
  world.Run(seconds(30));
  REQUIRE(world.ended.has_value());
  CHECK_THAT(world.ended->message, Catch::Contains("already been used"));
  CHECK_FALSE(world.state.LoadIdentity()->has_value());
}

TEST_CASE("a banned agent ends at once, without its identity and its streams") {
  World world;
  world.Start();
  world.Run(seconds(1));
  world.upstream.denial = Denial::kBanned;
  world.Run(seconds(10));
  REQUIRE(world.ended.has_value());
  CHECK(world.ended->code == Code::kPermissionDenied);
  CHECK_FALSE(world.state.LoadIdentity()->has_value());
  CHECK(world.Refusal().code() == Code::kPermissionDenied);
  CHECK_FALSE(world.manager->synced());
}

TEST_CASE("an SVID of an authority that the agent has not heard of brings the bundle first") {
  World world;
  world.upstream.can_watch = true;
  world.Start();
  world.Run(seconds(1));
  world.upstream.NewAuthority(/*publish=*/false);
  world.Run(seconds(60));
  const X509SVIDResponse served = world.Served();
  REQUIRE(served.svids_size() == 1);
  const auto chain = crypto::ParseCertificateList(AsBytes(served.svids(0).x509_svid()));
  const auto roots = crypto::ParseCertificateList(AsBytes(served.svids(0).bundle()));
  REQUIRE_OK(chain);
  REQUIRE_OK(roots);
  CHECK(chain->back().authority_key_id == roots->back().subject_key_id);
}

TEST_CASE("SVIDs of a tainted authority are replaced at once, the agent's own too") {
  World world;
  world.Start();
  world.Run(seconds(1));
  const std::string before = world.Served().svids(0).x509_svid();
  world.upstream.NewAuthority();
  world.upstream.bundle.x509_authorities[0].tainted = true;
  world.Run(seconds(12));
  CHECK(world.Served().svids(0).x509_svid() != before);
  CHECK(world.upstream.renewed == 1);
}

TEST_CASE("a bundle is acknowledged once workloads have it") {
  World world;
  world.upstream.can_watch = true;
  world.Start();
  world.Run(seconds(1));
  world.upstream.NewAuthority();
  ++world.upstream.revision;
  world.Run(seconds(6));
  CHECK(world.upstream.acknowledged == svids::AuthorityIds(world.upstream.bundle));
  CHECK(world.upstream.acknowledged.size() == 2);
}

TEST_CASE("with the push stream open the agent asks when told, and without it at every interval") {
  World world;
  world.upstream.can_watch = GENERATE(true, false);
  world.Start();
  world.Run(seconds(30));
  CHECK(world.upstream.synced == (world.upstream.can_watch ? 1 : 6));
  world.upstream.entries.push_back(MakeEntry("2", "/api"));
  ++world.upstream.revision;
  world.Run(seconds(6));
  CHECK(world.Served().svids_size() == 2);
}

TEST_CASE("batches hold at most 500 requests, and halve until the server takes them") {
  World world;
  world.upstream.entries.clear();
  for (int i = 0; i < 600; ++i) {
    world.upstream.entries.push_back(MakeEntry("e" + std::to_string(i), "/w" + std::to_string(i)));
  }
  SECTION("within the limit") {
    world.Start();
    world.Run(seconds(1));
    CHECK(world.upstream.batches == std::vector<std::size_t>{500, 100});
  }
  SECTION("a server with a smaller one") {
    world.upstream.max_batch = 130;
    world.Start();
    world.Run(seconds(1));
    CHECK(world.upstream.batches[0] == 500);
    CHECK(world.upstream.batches[1] == 250);
    CHECK(world.upstream.batches[2] == 125);
  }
  CHECK(world.Served().svids_size() == 600);
}

TEST_CASE("federated bundles come with the entries that want them, and go with them") {
  World world;
  spiffe::Bundle foreign{.trust_domain = Td("other.org")};
  foreign.x509_authorities.push_back({ToBytes("their root")});
  world.upstream.federated.emplace(foreign.trust_domain, foreign);
  world.upstream.entries[0].federates_with = {Td("other.org")};
  world.Start();
  world.Run(seconds(1));
  CHECK(world.Served().federated_bundles().at("spiffe://other.org") == "their root");
  world.upstream.federated.clear();
  world.Run(seconds(6));
  CHECK(world.Served().federated_bundles().empty());
}

TEST_CASE("a server that sends an empty bundle does not cut the agent off") {
  World world;
  world.Start();
  world.Run(seconds(1));
  world.upstream.bundle.x509_authorities.clear();
  world.Run(seconds(10));
  CHECK_FALSE(world.Served().svids(0).bundle().empty());
  CHECK(world.logger.Contains("holds no X.509 authority"));
}

TEST_CASE(
    "a wall clock that jumps an hour, either way, costs no identity and no storm of requests") {
  World world;
  world.Start();
  world.Run(seconds(1));
  const int batches = static_cast<int>(world.upstream.batches.size());
  world.clock.JumpWall(GENERATE(hours(1), -hours(1)));
  world.Run(seconds(30));
  CHECK_FALSE(world.ended.has_value());
  CHECK(world.Served().svids_size() == 1);
  CHECK(static_cast<int>(world.upstream.batches.size()) - batches <= 3);
  CHECK(world.logger.Contains("wall clock"));
}

}  // namespace
}  // namespace signet::manager
