// Agents attest by k8s_psat to a cluster that is watched: on the stub and on a real API server.
#include <algorithm>

#include "attestor/kubernetes/api_config.h"
#include "attestor/node/k8s_psat/k8s_psat.h"
#include "core/base/files.h"
#include "tests/support/eventually.h"
#include "tests/support/kubernetes/backend.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::attestor {
namespace {

using kubernetes::Cluster;
using test::Eventually;
using test::KubeBackend;
using test::KubePod;

constexpr const char* kAudience = "spiffe-ca";

std::unique_ptr<Cluster> Open(KubeBackend& kube, kubernetes::ClusterOptions options,
                              const Clock& clock, Logger& logger) {
  auto config = kubernetes::LoadApiConfig(kube.Kubeconfig("ca"));
  REQUIRE_OK(config);
  auto api = kubernetes::OpenApi(*config, clock, logger);
  REQUIRE_OK(api);
  options.name = "east";
  options.rules = {.audience = kAudience,
                   .max_age = options.watch ? Duration::zero() : std::chrono::minutes(15)};
  auto cluster = kubernetes::NewCluster(std::move(options), *std::move(api), clock, logger);
  cluster->Start();
  return cluster;
}

/// Scene is a cluster with an agent's pod on a node, watched by a CA.
struct Scene {
  explicit Scene(KubeBackend& backend, kubernetes::ClusterOptions options = {})
      : kube(backend),
        ns(kube.CreateNamespace("psat")),
        node(kube.Unique("node")),
        node_uid(kube.CreateNode(node, {{"zone", "a"}})) {
    kube.CreateServiceAccount(ns, "agent");
    pod_uid = kube.CreatePod(Pod());
    kube.SetPodStatus(ns, "agent-1", {});
    options.pod_label_keys = {"app"};
    cluster = Open(kube, std::move(options), clock, logger);
    config.cluster = cluster.get();
    config.service_account_allow_list = {ns + ":agent"};
    config.allowed_node_label_keys = {"zone"};
    config.allowed_pod_label_keys = {"app"};
    const bool synced = Eventually([this] { return cluster->health().synced; });
    REQUIRE(synced);
  }

  KubePod Pod() const {
    return {.ns = ns,
            .name = "agent-1",
            .sa = "agent",
            .node = node,
            .labels = {{"app", "agent"}, {"other", "x"}}};
  }
  std::string Token() const {
    return kube.Token({.ns = ns,
                       .sa = "agent",
                       .audiences = {kAudience},
                       .bound_kind = "Pod",
                       .bound_name = "agent-1",
                       .bound_uid = pod_uid});
  }
  /// Attest plays the agent's side with the product's own prover.
  Result<AttestedNode> Attest(const std::string& token, const std::string& key = "aa11") const {
    const std::string file = folder.File("token");
    REQUIRE_OK(WriteFileAtomic(file, AsBytes(token), 0644));
    K8sPsatProver prover("east", file);
    SIGNET_TRY_ASSIGN(const Secret payload, prover.Payload());
    const K8sPsatVerifier verifier({{"east", config}}, std::chrono::minutes(30), clock);
    SIGNET_TRY_ASSIGN(auto outcome,
                      verifier.Begin({.key_sha256 = key})->Step(payload.RevealSecret()));
    return std::get<AttestedNode>(std::move(outcome));
  }

  KubeBackend& kube;
  const std::string ns;
  const std::string node;
  const std::string node_uid;
  std::string pod_uid;
  const RealClock clock;
  MemoryLogger logger;
  std::unique_ptr<Cluster> cluster;
  K8sPsatCluster config;
  const test::TempDir folder;
};

bool Has(const AttestedNode& node, const std::string& value) {
  return std::ranges::count(node.selectors, spiffe::Selector{"k8s_psat", value}) == 1;
}

TEST_CASE("k8s_psat in a cluster: an agent's pod attests its node with every selector") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const auto node = scene.Attest(scene.Token());
  REQUIRE_OK(node);
  CHECK(node->agent_path == "/spire/agent/k8s_psat/east/" + scene.node_uid);
  CHECK(node->selectors.size() == 10);
  for (const std::string& value :
       {std::string("cluster:east"), "agent_ns:" + scene.ns, std::string("agent_sa:agent"),
        std::string("agent_pod_name:agent-1"), "agent_pod_uid:" + scene.pod_uid,
        std::string("agent_node_ip:192.0.2.10"), "agent_node_name:" + scene.node,
        "agent_node_uid:" + scene.node_uid, std::string("agent_node_label:zone:a"),
        std::string("agent_pod_label:app:agent")}) {
    INFO(value);
    CHECK(Has(*node, value));
  }
}

TEST_CASE("k8s_psat in a cluster: a pod that the watch has not told of yet attests all the same") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  for (int i = 0; i < 3; ++i) {
    kube->Delete("pods", scene.ns, "agent-1");
    scene.pod_uid = kube->CreatePod(scene.Pod());
    kube->SetPodStatus(scene.ns, "agent-1", {});
    REQUIRE_OK(scene.Attest(scene.Token()));
  }
}

TEST_CASE("k8s_psat in a cluster: a service account that is not on the list is refused") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  scene.config.service_account_allow_list = {"other:agent"};
  REQUIRE_ERROR(scene.Attest(scene.Token()), Code::kPermissionDenied, "not on the list");
}

TEST_CASE("k8s_psat in a cluster: a copied token is refused to another key") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string token = scene.Token();
  REQUIRE_OK(scene.Attest(token));
  REQUIRE_OK(scene.Attest(token));
  REQUIRE_ERROR(scene.Attest(token, "bb22"), Code::kPermissionDenied, "copied");
  REQUIRE_OK(scene.Attest(scene.Token(), "bb22"));
}

TEST_CASE(
    "k8s_psat in a cluster: a deleted pod's token is refused at once, be its verdict cached") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string token = scene.Token();
  REQUIRE_OK(scene.Attest(token));
  kube->Delete("pods", scene.ns, "agent-1");
  const auto begin = scene.clock.Mono();
  const bool gone = Eventually([&] { return scene.cluster->KnownPod(scene.pod_uid) == nullptr; });
  REQUIRE(gone);
  CHECK(scene.Attest(token).code() == Code::kPermissionDenied);
  CHECK(scene.clock.Mono() - begin < std::chrono::seconds(2));
}

TEST_CASE("k8s_psat in a cluster: a pod that is being deleted is refused within its grace") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string token = scene.Token();
  kube->Delete("pods", scene.ns, "agent-1", 30);
  const bool told = Eventually([&] {
    const auto pod = scene.cluster->KnownPod(scene.pod_uid);
    return pod == nullptr || pod->deletion.has_value();
  });
  REQUIRE(told);
  REQUIRE_ERROR(scene.Attest(token), Code::kPermissionDenied, "the agent's pod");
}

TEST_CASE("k8s_psat in a cluster: a finished pod is refused") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string token = scene.Token();
  kube->SetPodStatus(scene.ns, "agent-1", {.phase = "Failed"});
  const bool told = Eventually([&] {
    const auto pod = scene.cluster->KnownPod(scene.pod_uid);
    return pod != nullptr && pod->phase == kubernetes::PodPhase::kFailed;
  });
  REQUIRE(told);
  REQUIRE_ERROR(scene.Attest(token), Code::kPermissionDenied, "the agent's pod");
}

TEST_CASE("k8s_psat in a cluster: a pod that was made again refuses the old one's token") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string old = scene.Token();
  REQUIRE_OK(scene.Attest(old));
  kube->Delete("pods", scene.ns, "agent-1");
  const std::string old_uid = scene.pod_uid;
  scene.pod_uid = kube->CreatePod(scene.Pod());
  const bool told = Eventually([&] { return scene.cluster->KnownPod(old_uid) == nullptr; });
  REQUIRE(told);
  CHECK(scene.Attest(old).code() == Code::kPermissionDenied);
  REQUIRE_OK(scene.Attest(scene.Token()));
}

TEST_CASE("k8s_psat in a cluster: a node that is gone, or was made again, is refused") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string token = scene.Token();
  REQUIRE_OK(scene.Attest(token));
  kube->Delete("nodes", "", scene.node);
  const bool gone = Eventually([&] { return scene.cluster->KnownNode(scene.node) == nullptr; });
  REQUIRE(gone);
  REQUIRE_ERROR(scene.Attest(token), Code::kPermissionDenied, "node");
  kube->CreateNode(scene.node);
  const bool back = Eventually([&] { return scene.cluster->KnownNode(scene.node) != nullptr; });
  REQUIRE(back);
  REQUIRE_ERROR(scene.Attest(token), Code::kPermissionDenied, "another node");
}

TEST_CASE("k8s_psat in a remote cluster: the token's word is taken, for its own life at most") {
  const auto kube = KubeBackend::Start();
  kubernetes::ClusterOptions options;
  options.watch = false;
  Scene scene(*kube, std::move(options));
  const auto node = scene.Attest(scene.Token());
  REQUIRE_OK(node);
  CHECK(node->agent_path == "/spire/agent/k8s_psat/east/" + scene.node_uid);
  REQUIRE(node->not_after);
  CHECK(*node->not_after > scene.clock.Now());
  CHECK(*node->not_after <= scene.clock.Now() + std::chrono::seconds(600));
  CHECK(Has(*node, "agent_node_name:" + scene.node));
}

TEST_CASE("k8s_psat in a cluster: while the API server is away no agent is refused for good",
          "[stub]") {
  const auto kube = KubeBackend::StartStub();
  Scene scene(*kube);
  const std::string token = scene.Token();
  kube->Stop();
  CHECK(scene.Attest(token).code() == Code::kUnavailable);
  kube->Restart();
  REQUIRE_OK(scene.Attest(token));
}

}  // namespace
}  // namespace signet::attestor
