#include <algorithm>

#include "core/crypto/csr.h"
#include "tests/workload-api/manager/world.h"

namespace signet::manager {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::kMe;
using test::World;

const std::string kUid = "6f1c9a52-0c0e-4b7e-9a51-0d5b1d2f9a10";
const std::string kPodEntry = "k8s-pod." + kUid;
const spiffe::Selector kPod{"k8s", "pod-uid:" + kUid};

svids::Entry PodEntry() {
  return {.id = kPodEntry,
          .spiffe_id = *spiffe::SpiffeId::Parse("spiffe://example.org/ns/shop/sa/web"),
          .selectors = {kPod},
          .created_at = 100};
}

bool Asked(const std::vector<std::string>& log, const std::string& id) {
  return std::find(log.begin(), log.end(), id) != log.end();
}

/// PodWorld has a registration entry and one that the server derived from a pod.
struct PodWorld : World {
  PodWorld() {
    upstream.entries.push_back(PodEntry());
    upstream.can_watch = true;
  }
};

TEST_CASE("pods are asked for by their own call, with what the node knows of them") {
  PodWorld world;
  SECTION("nothing") {
    world.Start();
    world.Run(seconds(1));
    CHECK(world.upstream.asked_pods == std::vector<std::string>{kUid + " / "});
  }
  SECTION("name and token") {
    world.pod_tokens[kUid] = "pod-token";
    world.upstream.wanted_token = "pod-token";
    world.Start();
    world.Run(seconds(1));
    CHECK(world.upstream.asked_pods == std::vector<std::string>{kUid + " shop/web-0 pod-token"});
  }
  CHECK(world.upstream.asked == std::vector<std::string>{"1"});
  REQUIRE(world.Served(kPod).svids_size() == 1);
  CHECK(world.Served(kPod).svids(0).spiffe_id() == "spiffe://example.org/ns/shop/sa/web");
  CHECK(world.Served(kMe).svids(0).spiffe_id() == "spiffe://example.org/web");
}

TEST_CASE("a server without the pods' call is asked by entry, and tried again later") {
  PodWorld world;
  world.upstream.pods_fail = Unimplemented("unknown service");
  world.Start();
  world.Run(seconds(1));
  CHECK(Asked(world.upstream.asked, kPodEntry));
  CHECK(world.Served(kPod).svids_size() == 1);
  world.upstream.pods_fail.reset();
  world.Run(seconds(300));
  CHECK(world.upstream.asked_pods.empty());
  world.Run(seconds(400));
  CHECK_FALSE(world.upstream.asked_pods.empty());
}

TEST_CASE("a pod that is refused keeps nobody else waiting, and is asked for ever more seldom") {
  PodWorld world;
  world.upstream.wanted_token = "pod-token";
  world.Start();
  world.Run(seconds(1));
  CHECK(world.Served(kMe).svids_size() == 1);
  REQUIRE_ERROR(world.hub->Subscribe({kPod}, svids::Topic::kX509Svids, {}).first.status,
                Code::kUnavailable, "no valid X509-SVID");
  CHECK(world.logger.Contains("the pod's own token is required"));

  // A new entry is served at the next step: no backoff of the whole agent.
  world.upstream.entries.push_back(test::MakeEntry("2", "/api"));
  ++world.upstream.revision;
  world.manager->Step();
  CHECK(world.Served(kMe).svids_size() == 2);

  const std::size_t early = world.upstream.asked_pods.size();
  CHECK(early <= 5);
  world.Run(seconds(600));
  const std::size_t more = world.upstream.asked_pods.size() - early;
  CHECK(more >= 15);
  CHECK(more <= 60);
  CHECK(world.logger.Contains("asking again from time to time"));
}

TEST_CASE("a pod's fresh token wakes the agent, and a refused pod is asked for at once") {
  PodWorld world;
  world.upstream.wanted_token = "pod-token";
  world.Start();
  world.Run(seconds(120));
  const std::size_t before = world.upstream.asked_pods.size();
  world.manager->Step();
  CHECK(world.upstream.asked_pods.size() == before);  // it waits
  world.pod_tokens[kUid] = "pod-token";
  world.woken = false;
  world.manager->PodChanged(kUid);
  CHECK(world.woken);
  world.manager->Step();
  CHECK(world.upstream.asked_pods.size() == before + 1);
  CHECK(world.Served(kPod).svids_size() == 1);
  world.manager->PodChanged("no such pod");
  world.manager->Step();
  CHECK(world.upstream.asked_pods.size() == before + 1);
}

TEST_CASE(
    "a call for pods that fails by itself spares the others, one that finds no server does not") {
  PodWorld world;
  world.upstream.pods_fail = PermissionDenied("this agent was not attested by k8s_psat");
  world.Start();
  world.Run(seconds(5));
  CHECK(world.Served(kMe).svids_size() == 1);
  CHECK(world.upstream.synced == 1);
  CHECK_FALSE(world.ended.has_value());
  world.upstream.pods_fail = Unavailable("connection reset");
  world.Run(seconds(40));
  CHECK(world.logger.Contains("connection reset"));
  world.upstream.pods_fail.reset();
  world.Run(seconds(40));
  CHECK(world.Served(kPod).svids_size() == 1);
}

TEST_CASE("an entry that is refused one by one is paused too, and its change ends the pause") {
  World world;
  world.upstream.can_watch = true;
  world.upstream.refused = {"1"};
  world.Start();
  world.Run(seconds(120));
  const std::size_t asked = world.upstream.asked.size();
  CHECK(asked <= 15);
  world.upstream.refused.clear();
  world.manager->Step();
  CHECK(world.upstream.asked.size() == asked);
  world.upstream.entries[0].revision_number = 7;
  ++world.upstream.revision;
  world.manager->Step();
  CHECK(world.Served(kMe).svids_size() == 1);
}

TEST_CASE(
    "a pod that is gone loses its identity at the next push: its streams end, nothing is renewed") {
  PodWorld world;
  world.Start();
  world.Run(seconds(1));
  std::vector<svids::Update> updates;
  const auto opened =
      world.hub->Subscribe({kPod}, svids::Topic::kX509Svids,
                           [&updates](const svids::Update& update) { updates.push_back(update); });
  REQUIRE(opened.subscription);
  const std::size_t issued = world.upstream.asked_pods.size();

  world.upstream.entries.pop_back();
  ++world.upstream.revision;
  const MonoTime pushed = world.clock.Mono();
  world.manager->Step();  // what the push wakes
  REQUIRE(updates.size() == 1);
  REQUIRE_ERROR(updates[0].status, Code::kPermissionDenied, "no identity issued");
  CHECK(world.clock.Mono() - pushed < seconds(2));
  world.Run(seconds(300));
  CHECK(world.upstream.asked_pods.size() == issued);
}

TEST_CASE("evidence that is bound to a key is shown with the same key until it is replaced") {
  World world;
  world.upstream.reattestable = true;
  world.renewing_evidence = true;
  world.Start();
  world.Run(seconds(560));
  REQUIRE(world.upstream.attest_csrs.size() == 2);
  const auto key = [&](std::size_t i) {
    return crypto::ParseCsr(world.upstream.attest_csrs[i])->public_key.spki();
  };
  CHECK(key(0) == key(1));
  SECTION("also after a restart, while the identity on disk holds the key") {
    world.Start();
    world.Run(seconds(560));
    REQUIRE(world.upstream.attest_csrs.size() == 3);
    CHECK(key(2) == key(1));
  }
  SECTION("and after a denial") {
    world.upstream.denial = Denial::kNotAttested;
    ++world.upstream.revision;
    world.Run(seconds(6));
    REQUIRE(world.upstream.attest_csrs.size() == 3);
    CHECK(key(2) == key(1));
  }
  SECTION("a new token comes with a new key") {
    world.token = "token-2";
    world.Run(seconds(560));
    REQUIRE(world.upstream.attest_csrs.size() == 3);
    CHECK(key(2) != key(1));
  }
}

TEST_CASE("a refusal of evidence that is replaced in time does not end the agent") {
  World world;
  world.renewing_evidence = true;
  world.upstream.spent_token = world.token;
  world.Start();
  world.Run(seconds(60));
  CHECK_FALSE(world.ended.has_value());
  CHECK(world.logger.Contains("already been used"));
  REQUIRE_ERROR(world.Refusal(), Code::kUnavailable, "already been used");
  world.token = "token-2";
  world.Run(seconds(12));
  CHECK(world.Served().svids_size() == 1);
}

}  // namespace
}  // namespace signet::manager
