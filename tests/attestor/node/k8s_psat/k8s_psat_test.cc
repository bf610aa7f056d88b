#include "attestor/node/k8s_psat/k8s_psat.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/base/files.h"
#include "tests/support/fake_cluster.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::attestor {
namespace {

using kubernetes::ServiceAccountToken;
using std::chrono::minutes;
using test::FakeCluster;

constexpr const char* kPodUid = "6b1a9a6e-9f1c-4f0e-8b3b-2f5c7e1d0a11";
constexpr const char* kNodeUid = "f3d0c9c2-6a53-4b0d-8a55-0c1f6a2e7b02";

/// World is a cluster "east" with an agent's pod and its token, "good".
struct World {
  explicit World(bool watched = true) : cluster("east", clock, watched) {
    token.namespace_name = "spire";
    token.service_account = "agent";
    token.service_account_uid = "0b1f7a52-3f0e-4a53-8a8e-8e4a4f0d9a01";
    token.pod_name = "agent-x7k2p";
    token.pod_uid = kPodUid;
    token.node_name = "worker-1";
    token.node_uid = kNodeUid;
    token.id = "jti-1";
    token.issued_at = clock.Now();
    token.expires_at = clock.Now() + minutes(10);
    pod.uid = kPodUid;
    pod.namespace_name = "spire";
    pod.name = "agent-x7k2p";
    pod.service_account = "agent";
    pod.node_name = "worker-1";
    pod.host_ip = "192.0.2.10";
    pod.phase = kubernetes::PodPhase::kRunning;
    pod.labels = {{"app", "agent"}, {"secret", "x"}};
    cluster.nodes.Put({.uid = kNodeUid, .name = "worker-1", .labels = {{"zone", "a"}, {"b", "c"}}});
    config.cluster = &cluster;
    config.service_account_allow_list = {"spire:agent"};
  }

  Result<AttestedNode> Attest(const std::string& payload, const std::string& key = "aa11") {
    cluster.tokens["good"] = token;
    if (with_pod) {
      cluster.pods.Put(pod);
    }
    const K8sPsatVerifier verifier({{"east", config}}, minutes(30), clock);
    CHECK(verifier.type() == "k8s_psat");
    SIGNET_TRY_ASSIGN(auto outcome, verifier.Begin({.key_sha256 = key})->Step(AsBytes(payload)));
    REQUIRE(std::holds_alternative<AttestedNode>(outcome));
    return std::get<AttestedNode>(std::move(outcome));
  }
  Result<AttestedNode> Attest() { return Attest(kGood); }

  static constexpr const char* kGood = R"({"cluster":"east","token":"good"})";
  FakeClock clock;
  FakeCluster cluster;
  ServiceAccountToken token;
  kubernetes::Pod pod;
  bool with_pod = true;
  K8sPsatCluster config;
};

std::vector<std::string> Values(const AttestedNode& node) {
  std::vector<std::string> out;
  for (const spiffe::Selector& selector : node.selectors) {
    CHECK(selector.type == "k8s_psat");
    out.push_back(selector.value);
  }
  std::ranges::sort(out);
  return out;
}

TEST_CASE("k8s_psat: a good token gives the node's identity and all selectors of spire-api §9") {
  World world;
  const auto node = world.Attest();
  REQUIRE_OK(node);
  CHECK(node->agent_path == std::string("/spire/agent/k8s_psat/east/") + kNodeUid);
  CHECK(Values(*node) == std::vector<std::string>{
                             "agent_node_ip:192.0.2.10", "agent_node_name:worker-1",
                             std::string("agent_node_uid:") + kNodeUid, "agent_ns:spire",
                             "agent_pod_name:agent-x7k2p", std::string("agent_pod_uid:") + kPodUid,
                             "agent_sa:agent", "cluster:east"});
  CHECK(node->can_reattest);
  CHECK_FALSE(node->not_after);
  CHECK_FALSE(node->one_time_token);
}

TEST_CASE("k8s_psat: labels are selectors only where their keys are allowed") {
  World world;
  world.config.allowed_node_label_keys = {"zone", "missing"};
  world.config.allowed_pod_label_keys = {"app"};
  const auto node = world.Attest();
  REQUIRE_OK(node);
  const auto values = Values(*node);
  CHECK(values.size() == 10);
  CHECK(std::ranges::count(values, "agent_node_label:zone:a") == 1);
  CHECK(std::ranges::count(values, "agent_pod_label:app:agent") == 1);
}

TEST_CASE("k8s_psat: agents may be named by their pod instead") {
  World world;
  world.config.use_pod_uid_for_agent_id = true;
  const auto node = world.Attest();
  REQUIRE_OK(node);
  CHECK(node->agent_path == std::string("/spire/agent/k8s_psat/east/pod/") + kPodUid);
}

TEST_CASE("k8s_psat: a malformed payload is refused as such") {
  World world;
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", "no JSON"},
      {"[]", "object"},
      {"{}", "cluster"},
      {R"({"cluster":"east"})", "token"},
      {R"({"cluster":"east","token":""})", "token"},
      {R"({"cluster":"east","token":7})", "token"},
      {R"({"cluster":7,"token":"good"})", "cluster"},
      {R"({"cluster":"west","token":"good"})", "\"west\" is not configured"},
      {R"({"cluster":"west","cluster":"east","token":"good"})", "twice"},
      {R"({"cluster":"east","token":"good"} )" + std::string("x"), "no JSON"},
      {R"({"cluster":"east","token":"good","x":[[[[[]]]]]})", "nested"},
      {std::string(kMaxNodeEvidenceBytes + 1, ' '), "64 KiB"},
  };
  for (const auto& [payload, why] : rows) {
    INFO(payload.substr(0, 80));
    REQUIRE_ERROR(world.Attest(payload), Code::kInvalidArgument, why);
  }
}

TEST_CASE("k8s_psat: each fact that does not hold is refused with its reason") {
  struct Row {
    std::function<void(World&)> change;
    std::string why;
  };
  const std::vector<Row> rows = {
      {[](World& w) {
         w.config.service_account_allow_list = {"other:agent", "spire:other"};
       },
       "spire:agent is not on the list"},
      {[](World& w) { w.config.service_account_allow_list = {}; }, "not on the list"},
      {[](World& w) { w.with_pod = false; }, "does not exist any more"},
      {[](World& w) { w.pod.namespace_name = "other"; }, "another one by now"},
      {[](World& w) { w.pod.name = "other"; }, "another one by now"},
      {[](World& w) { w.pod.service_account = "other"; }, "another service account"},
      {[](World& w) { w.pod.phase = kubernetes::PodPhase::kSucceeded; }, "the agent's pod"},
      {[](World& w) { w.pod.phase = kubernetes::PodPhase::kFailed; }, "the agent's pod"},
      {[](World& w) { w.pod.deletion = w.clock.Now() + minutes(1); }, "the agent's pod"},
      {[](World& w) { w.pod.mirror = true; }, "the agent's pod"},
      {[](World& w) { w.pod.node_name = ""; }, "the agent's pod"},
      {[](World& w) { w.pod.node_name = "worker-2"; }, "the node of the agent's pod does not"},
      {[](World& w) { w.cluster.nodes.Put({.uid = "", .name = "worker-1"}); }, "has no uid"},
      {[](World& w) { w.cluster.nodes.Put({.uid = "1-2", .name = "worker-1"}); }, "another node"},
      {[](World& w) { w.token.node_name = "worker-2"; }, "another node"},
      {[](World& w) { w.token.node_uid = "1-2"; }, "another node"},
  };
  for (const auto& [change, why] : rows) {
    INFO(why);
    World world;
    change(world);
    REQUIRE_ERROR(world.Attest(), Code::kPermissionDenied, why);
    // What was refused has not bound the token: once all is well another key may use it.
    World well;
    world.cluster.nodes.Put({.uid = kNodeUid, .name = "worker-1"});
    world.cluster.pods.Put(well.pod);
    world.with_pod = false;
    world.token = well.token;
    world.config.service_account_allow_list = {"spire:agent"};
    REQUIRE_OK(world.Attest(World::kGood, "bb22"));
  }
}

TEST_CASE("k8s_psat: a token that is not believed is refused, one that cannot be judged is not") {
  World world;
  REQUIRE_ERROR(world.Attest(R"({"cluster":"east","token":"bad"})"), Code::kPermissionDenied,
                "cluster \"east\": the token is not believed");
  world.cluster.outage = Unavailable("the API server is away");
  REQUIRE_ERROR(world.Attest(), Code::kUnavailable, "away");
}

TEST_CASE("k8s_psat: a pod that the watch has not told of yet is read once") {
  World world;
  world.with_pod = false;
  world.cluster.not_watched_yet.push_back(world.pod);
  REQUIRE_OK(world.Attest());
  CHECK(world.cluster.live_reads == 1);
}

TEST_CASE("k8s_psat: a token before Kubernetes 1.30 names no node, and the pod's counts") {
  World world;
  world.token.node_name = world.token.node_uid = world.token.id = "";
  const auto node = world.Attest();
  REQUIRE_OK(node);
  CHECK(node->agent_path == std::string("/spire/agent/k8s_psat/east/") + kNodeUid);
}

TEST_CASE("k8s_psat: a token is its first key's, which may show it again") {
  World world;
  REQUIRE_OK(world.Attest(World::kGood, "aa11"));
  REQUIRE_OK(world.Attest(World::kGood, "aa11"));
  REQUIRE_ERROR(world.Attest(World::kGood, "bb22"), Code::kPermissionDenied, "copied");
}

TEST_CASE("k8s_psat remote: facts are the token's, and no identity outlives it") {
  World world(/*watched=*/false);
  world.with_pod = false;
  const auto node = world.Attest();
  REQUIRE_OK(node);
  CHECK(node->agent_path == std::string("/spire/agent/k8s_psat/east/") + kNodeUid);
  CHECK(node->not_after == world.token.expires_at);
  CHECK(Values(*node) == std::vector<std::string>{"agent_node_name:worker-1",
                                                  std::string("agent_node_uid:") + kNodeUid,
                                                  "agent_ns:spire", "agent_pod_name:agent-x7k2p",
                                                  std::string("agent_pod_uid:") + kPodUid,
                                                  "agent_sa:agent", "cluster:east"});
}

TEST_CASE("k8s_psat remote: a token without a node is refused unless pods name the agents") {
  World world(/*watched=*/false);
  world.token.node_name = world.token.node_uid = "";
  REQUIRE_ERROR(world.Attest(), Code::kPermissionDenied, "pod's uid instead");
  world.config.use_pod_uid_for_agent_id = true;
  REQUIRE_OK(world.Attest());
}

TEST_CASE("k8s_psat: the CA reads the node back from the selectors of an agent's record") {
  World world;
  const auto attested = world.Attest();
  REQUIRE_OK(attested);
  const auto node = ReadK8sPsatNode("k8s_psat", attested->selectors);
  REQUIRE(node);
  CHECK(node->cluster == "east");
  CHECK(node->node_name == "worker-1");
  CHECK(node->node_uid == kNodeUid);
  CHECK_FALSE(ReadK8sPsatNode("join_token", attested->selectors));
  CHECK_FALSE(ReadK8sPsatNode("k8s_psat", {}));
  for (const char* prefix : {"cluster:", "agent_node_name:", "agent_node_uid:"}) {
    auto without = attested->selectors;
    std::erase_if(without, [&](const auto& s) { return s.value.starts_with(prefix); });
    CHECK_FALSE(ReadK8sPsatNode("k8s_psat", without));
    auto twice = attested->selectors;
    twice.push_back({"k8s_psat", std::string(prefix) + "other"});
    CHECK_FALSE(ReadK8sPsatNode("k8s_psat", twice));
    auto foreign = without;
    foreign.push_back({"k8s", std::string(prefix) + "other"});
    CHECK_FALSE(ReadK8sPsatNode("k8s_psat", foreign));
  }
}

TEST_CASE("k8s_psat prover: sends the token as its file has it at that moment") {
  const test::TempDir folder;
  const std::string path = folder.File("token");
  K8sPsatProver prover("east", path);
  CHECK(prover.type() == "k8s_psat");
  for (const char* text : {"a.b.c", "d.e.f\n"}) {
    REQUIRE_OK(WriteFileAtomic(path, AsBytes(text), 0644));
    const auto payload = prover.Payload();
    REQUIRE_OK(payload);
    const auto json = nlohmann::json::parse(AsText(payload->RevealSecret()));
    CHECK(json == nlohmann::json{{"cluster", "east"}, {"token", std::string(text, 5)}});
  }
  REQUIRE_ERROR(prover.Respond({}), Code::kFailedPrecondition, "challenge");
}

TEST_CASE("k8s_psat prover: a missing, empty or huge file is explained") {
  const test::TempDir folder;
  const std::string path = folder.File("token");
  K8sPsatProver prover("east", path);
  REQUIRE_ERROR(prover.Payload(), Code::kNotFound, "serviceAccountToken");
  REQUIRE_OK(WriteFileAtomic(path, AsBytes(" \n")));
  REQUIRE_ERROR(prover.Payload(), Code::kFailedPrecondition, "is empty");
  REQUIRE_OK(WriteFileAtomic(path, Bytes(20'000, 'x')));
  CHECK_FALSE(prover.Payload().ok());
}

}  // namespace
}  // namespace signet::attestor
