#include "ca/cmd/kubernetes_setup.h"

#include <condition_variable>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "attestor/node/k8s_psat/k8s_psat.h"
#include "tests/ca/service/service_world.h"
#include "tests/support/kubernetes/backend.h"
#include "tests/support/result.h"

using namespace signet;
using test::KubeBackend;
using test::ServiceWorld;
using Json = nlohmann::json;

namespace {

constexpr std::chrono::seconds kPatience(20);

/// Sink waits for pushes.
class Sink final : public service::WatchSink {
 public:
  void Push(const service::WatchState&) override {
    const std::lock_guard lock(mutex_);
    ++pushes_;
    changed_.notify_all();
  }
  void End(const service::Denial&) override {}
  /// WaitUntil asks again at every push.
  template <class Condition>
  bool WaitUntil(Condition condition) {
    std::unique_lock lock(mutex_);
    for (;;) {
      const int seen = pushes_;
      if (condition()) {
        return true;
      }
      if (!changed_.wait_for(lock, kPatience, [&] { return pushes_ != seen; })) {
        return false;
      }
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int pushes_ = 0;
};

/// World is a server's services beside an API server, with a node and the agent's
/// pod on it.
struct World {
  World() {
    ca_cmd::ClusterConfig cluster{.name = "prod"};
    cluster.kube_config_file = kube->Kubeconfig("ca");
    cluster.service_account_allow_list = {spire + ":agent"};
    cluster.audience = "spire-server";
    cluster.identities =
        service::PodPolicy::Create({.allowed_namespaces = {shop}}, "prod", world.trust_domain)
            .value();
    setup = ca_cmd::KubernetesSetup::Open({.clusters = {cluster}}, clock, logger).value();
    setup->Connect(context, hub);
    setup->ServePods(context, svids);
    kube->CreateServiceAccount(spire, "agent");
    kube->CreateServiceAccount(shop, "web");
    kube->CreateNode(node);
    agent_pod = kube->CreatePod({.ns = spire, .name = "agent-1", .sa = "agent", .node = node});
    kube->SetPodStatus(spire, "agent-1", {});
  }
  ~World() {
    setup->EndPool();
    setup->Stop();
  }

  std::string AgentToken() {
    return kube->Token({.ns = spire,
                        .sa = "agent",
                        .audiences = {"spire-server"},
                        .bound_kind = "Pod",
                        .bound_name = "agent-1",
                        .bound_uid = agent_pod});
  }
  Result<service::IssuedAgentSvid> Attest(const std::string& token) {
    std::vector<std::unique_ptr<attestor::NodeVerifier>> verifiers;
    verifiers.push_back(setup->Verifier(std::chrono::minutes(30)));
    service::NodeAttestation attestation(context, world.Issuer(), world.ttls, std::move(verifiers));
    const std::string payload = Json{{"cluster", "prod"}, {"token", token}}.dump();
    SIGNET_TRY_ASSIGN(
        auto session,
        attestation.Begin({.type = "k8s_psat", .payload = ToBytes(payload), .csr = csr}));
    SIGNET_TRY_ASSIGN(auto outcome, session->Start());
    return std::get<service::IssuedAgentSvid>(std::move(outcome));
  }
  /// WaitForIndex: the lists have arrived, and the agent's node is known. No push tells of that; an
  /// agent asks again when it is told UNAVAILABLE.
  void WaitForIndex(const spiffe::SpiffeId& agent) {
    for (int i = 0; i < 400; ++i) {
      if (setup->pods()->EntriesOf(*world.registry->FindAgent(agent)).ok()) {
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    FAIL("the cluster's lists have not arrived");
  }
  std::vector<std::string> Ids(const spiffe::SpiffeId& agent) {
    std::vector<std::string> ids;
    const auto entries = setup->pods()->EntriesOf(*world.registry->FindAgent(agent));
    if (entries.ok()) {
      for (const auto& entry : *entries) {
        ids.push_back(entry->id);
      }
    }
    return ids;
  }

  std::unique_ptr<KubeBackend> kube = KubeBackend::Start();
  const std::string spire = kube->CreateNamespace("spire");
  const std::string shop = kube->CreateNamespace("shop");
  const std::string node = kube->Unique("node");
  std::string agent_pod;
  RealClock clock;
  MemoryLogger logger;
  ServiceWorld world;
  // The authority stands at the fake clock's time, the cluster at the real one.
  service::Context context{world.trust_domain, *world.registry, world.clock, world.random, logger};
  service::ChangeHub hub{context};
  service::Svids svids{context, world.Issuer(), world.ttls, world.pool};
  Bytes csr = ServiceWorld::Csr();
  std::unique_ptr<ca_cmd::KubernetesSetup> setup;
};

}  // namespace

TEST_CASE("an agent attests by its pod's token, hears of its node's pods, and gets their SVIDs") {
  World world;
  world.setup->Start();
  const auto agent = world.Attest(world.AgentToken());
  REQUIRE_OK(agent);
  world.WaitForIndex(agent->id);
  const auto sink = std::make_shared<Sink>();
  world.hub.Open(agent->id, agent->svid.not_after, sink);

  const std::string uid =
      world.kube->CreatePod({.ns = world.shop, .name = "web-1", .sa = "web", .node = world.node});
  const std::string id = "k8s-pod." + uid;
  REQUIRE(sink->WaitUntil([&] { return world.Ids(agent->id) == std::vector<std::string>{id}; }));
  const service::PodSvidRequest request{.pod = {uid, world.shop, "web-1"}, .csr = world.csr};
  const auto issued = world.setup->pod_svids()->BatchNewX509(agent->id, {&request, 1});
  REQUIRE_OK(issued[0]);
  CHECK(issued[0]->entry->spiffe_id.path() == "/ns/" + world.shop + "/sa/web");

  world.kube->Delete("pods", world.shop, "web-1");
  CHECK(sink->WaitUntil([&] { return world.Ids(agent->id).empty(); }));
  const auto refused = world.setup->pod_svids()->BatchNewX509(agent->id, {&request, 1});
  CHECK_FALSE(refused[0].ok());  // it is being deleted, or gone
}

TEST_CASE("a pod's own token is reviewed by the cluster and belongs to one agent") {
  World world;
  world.setup->Start();
  const auto agent = world.Attest(world.AgentToken());
  REQUIRE_OK(agent);
  const std::string uid =
      world.kube->CreatePod({.ns = world.shop, .name = "web-1", .sa = "web", .node = world.node});
  const auto token = [&](const std::string& audience) {
    return world.kube->Token({.ns = world.shop,
                              .sa = "web",
                              .audiences = {audience},
                              .bound_kind = "Pod",
                              .bound_name = "web-1",
                              .bound_uid = uid});
  };
  const auto ask = [&](const std::string& text) {
    const service::PodSvidRequest request{
        .pod = {uid, world.shop, "web-1"}, .csr = world.csr, .token = text};
    return std::move(world.setup->pod_svids()->BatchNewX509(agent->id, {&request, 1}).at(0));
  };
  REQUIRE_OK(ask(token("spire-server")));
  REQUIRE_ERROR(ask(token("another")), Code::kPermissionDenied, "workload_token");
  REQUIRE_ERROR(ask(world.AgentToken()), Code::kPermissionDenied, "belongs to another pod");
}

TEST_CASE("a pod of another node is refused though the cluster knows it") {
  World world;
  world.setup->Start();
  const auto agent = world.Attest(world.AgentToken());
  REQUIRE_OK(agent);
  const std::string other = world.kube->Unique("other");
  world.kube->CreateNode(other);
  const std::string uid =
      world.kube->CreatePod({.ns = world.shop, .name = "web-2", .sa = "web", .node = other});
  const service::PodSvidRequest request{.pod = {uid, world.shop, "web-2"}, .csr = world.csr};
  const auto refused = world.setup->pod_svids()->BatchNewX509(agent->id, {&request, 1});
  REQUIRE_ERROR(refused[0], Code::kPermissionDenied, "does not run on the agent's node");
}

TEST_CASE("a kubeconfig that cannot be used stops the server's start, with its cluster's name") {
  RealClock clock;
  MemoryLogger logger;
  ca_cmd::ClusterConfig cluster{.name = "prod", .kube_config_file = "/nowhere/kubeconfig"};
  const auto opened = ca_cmd::KubernetesSetup::Open({.clusters = {cluster}}, clock, logger);
  REQUIRE_FALSE(opened.ok());
  CHECK_THAT(opened.error().message, Catch::Contains("kubernetes cluster \"prod\""));
  CHECK_THAT(opened.error().message, Catch::Contains("/nowhere/kubeconfig"));
}
