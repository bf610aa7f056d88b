// The cluster as the CA sees it, against a stub of the API server and the real one.
#include "attestor/kubernetes/cluster.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "attestor/kubernetes/object_codec.h"
#include "attestor/kubernetes/watcher.h"
#include "core/base/files.h"
#include "core/crypto/pem.h"
#include "tests/support/eventually.h"
#include "tests/support/kubernetes/backend.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::kubernetes {
namespace {

using namespace std::chrono_literals;
using test::Eventually;
using test::KubeBackend;

constexpr char kAudience[] = "spiffe-ca";

/// World is a cluster that is watched with one user's rights.
struct World {
  explicit World(const std::string& kube_config, ClusterOptions options = {}) {
    std::signal(SIGPIPE, SIG_IGN);  // as our services do
    const auto config = LoadApiConfig(kube_config);
    REQUIRE_OK(config);
    options.name = "prod";
    options.rules.audience = kAudience;
    cluster = NewCluster(std::move(options), *OpenApi(*config, clock, log), clock, log);
    cluster->AddPodListener([this](const std::set<std::string>& nodes) {
      const std::lock_guard lock(mutex);
      told.insert(nodes.begin(), nodes.end());
    });
  }
  void StartAndSync() {
    cluster->Start();
    REQUIRE(Eventually([this] { return cluster->health().synced; }));
  }
  bool WasTold(const std::string& node) {
    const std::lock_guard lock(mutex);
    return told.erase(node) > 0;
  }
  bool ComesTrue(const std::function<bool(const ClusterHealth&)>& condition) {
    const bool came = Eventually([&] { return condition(cluster->health()); });
    INFO(cluster->health().problem);
    CHECK(came);
    return came;
  }

  RealClock clock;
  MemoryLogger log;
  std::mutex mutex;
  std::set<std::string> told;
  std::unique_ptr<Cluster> cluster;
};

std::size_t Count(const MemoryLogger& log, const std::string& text) {
  const auto lines = log.Lines();
  return static_cast<std::size_t>(std::ranges::count_if(
      lines, [&text](const std::string& line) { return line.find(text) != std::string::npos; }));
}

TEST_CASE("a pod's life is followed: created, scheduled, running, being deleted, gone") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("life");
  const std::string node = kube->Unique("node");
  const std::string node_uid = kube->CreateNode(node, {{"zone", "a"}});
  kube->CreateServiceAccount(ns, "frontend.team-a");
  World w(kube->Kubeconfig("ca"), {.pod_label_keys = {"tier"}});
  w.StartAndSync();

  REQUIRE(Eventually([&] { return w.cluster->KnownNode(node) != nullptr; }));
  CHECK(w.cluster->KnownNode(node)->uid == node_uid);
  CHECK(std::ranges::count(w.cluster->KnownNode(node)->labels,
                           std::pair<std::string, std::string>("zone", "a")) == 1);

  const std::string uid = kube->CreatePod({.ns = ns,
                                           .name = "web-0",
                                           .sa = "frontend.team-a",
                                           .node = node,
                                           .labels = {{"app", "web"}, {"tier", "front"}}});
  REQUIRE(Eventually([&] { return w.cluster->KnownPod(uid) != nullptr; }));
  CHECK(Eventually([&] { return w.WasTold(node); }));
  const PodPtr pending = w.cluster->KnownPod(uid);
  CHECK(pending->namespace_name == ns);
  CHECK(pending->service_account == "frontend.team-a");
  CHECK(pending->phase == PodPhase::kPending);
  CHECK(pending->labels == Labels{{"tier", "front"}});

  kube->SetPodStatus(ns, "web-0", {.phase = "Running", .host_ip = "192.0.2.10"});
  REQUIRE(Eventually([&] { return w.cluster->KnownPod(uid)->phase == PodPhase::kRunning; }));
  CHECK(w.cluster->KnownPod(uid)->host_ip == "192.0.2.10");
  REQUIRE_OK(CheckMayHaveIdentity(*w.cluster->KnownPod(uid)));

  kube->Delete("pods", ns, "web-0", 30);
  REQUIRE(Eventually([&] { return w.cluster->KnownPod(uid)->deletion.has_value(); }));
  CHECK(CheckMayHaveIdentity(*w.cluster->KnownPod(uid)).code() == Code::kPermissionDenied);

  w.WasTold(node);
  kube->Delete("pods", ns, "web-0", 0);
  REQUIRE(Eventually([&] { return w.cluster->KnownPod(uid) == nullptr; }));
  CHECK(Eventually([&] { return w.WasTold(node); }));
  CHECK(w.cluster->PodsOnNode(node).empty());
}

TEST_CASE("a pod or node that the index lacks is asked for live, and its uid must be right") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("live");
  const std::string node = kube->Unique("node");
  const std::string node_uid = kube->CreateNode(node);
  const std::string uid = kube->CreatePod({.ns = ns, .name = "web", .node = node});
  World w(kube->Kubeconfig("ca"));  // never started: the index is empty

  const auto pod = w.cluster->FindPod({uid, ns, "web"});
  REQUIRE_OK(pod);
  CHECK((*pod)->uid == uid);
  CHECK((*pod)->labels.empty());
  CHECK(w.cluster->KnownPod(uid) == nullptr);
  const auto found = w.cluster->FindNode(node);
  REQUIRE_OK(found);
  CHECK((*found)->uid == node_uid);

  REQUIRE_ERROR(w.cluster->FindPod({"0000-1", ns, "web"}), Code::kNotFound, "another uid");
  REQUIRE_ERROR(w.cluster->FindPod({uid, ns, "absent"}), Code::kNotFound, "no pod");
  REQUIRE_ERROR(w.cluster->FindNode(kube->Unique("absent")), Code::kNotFound, "no node");
  // Names that are none never reach the API server.
  CHECK(w.cluster->FindPod({uid, "../nodes", "web"}).code() == Code::kNotFound);
  CHECK(w.cluster->FindPod({uid, ns, "web?x"}).code() == Code::kNotFound);
  CHECK(w.cluster->FindNode("../pods").code() == Code::kNotFound);
}

TEST_CASE("a pod that is made anew under its name is another one") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("anew");
  const std::string node = kube->Unique("node");
  const std::string first = kube->CreatePod({.ns = ns, .name = "db-0", .node = node});
  World w(kube->Kubeconfig("ca"));
  w.StartAndSync();
  REQUIRE(w.cluster->KnownPod(first) != nullptr);
  kube->Delete("pods", ns, "db-0");
  const std::string second = kube->CreatePod({.ns = ns, .name = "db-0", .node = node});
  // At once, whether or not the watch has told of it yet.
  const auto found = w.cluster->FindPod({second, ns, "db-0"});
  REQUIRE_OK(found);
  CHECK((*found)->uid == second);
  REQUIRE(Eventually([&] { return w.cluster->KnownPod(first) == nullptr; }));
  CHECK(w.cluster->FindPod({first, ns, "db-0"}).code() == Code::kNotFound);
}

TEST_CASE("lists come in pages") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("pages");
  const std::string node = kube->Unique("node");
  for (int i = 0; i < 7; ++i) {
    kube->CreatePod({.ns = ns, .name = "p" + std::to_string(i), .node = node});
  }
  const RealClock clock;
  SystemRandom random;
  MemoryLogger log;
  PodIndex index;
  const auto api = *OpenApi(*LoadApiConfig(kube->Kubeconfig("ca")), clock, log);
  const auto watch = StartPodWatch(
      {.api = *api, .clock = clock, .random = random, .logger = log, .cluster = "prod", .page = 2},
      {.field_selector = "spec.nodeName=" + node, .detail = PodDetail::kFull}, index);
  REQUIRE(Eventually([&] { return watch->health().synced; }));
  CHECK(index.size() == 7);
  CHECK(index.All().front()->containers.size() == 1);
  kube->CreatePod({.ns = ns, .name = "elsewhere", .node = kube->Unique("node")});
  const std::string last = kube->CreatePod({.ns = ns, .name = "last", .node = node});
  REQUIRE(Eventually([&] { return index.Find(last) != nullptr; }));
  CHECK(index.size() == 8);
}

TEST_CASE("a restart of the API server in mid-watch loses no event") {
  const auto kube = KubeBackend::Start({.exclusive = true});
  const std::string ns = kube->CreateNamespace("restart");
  const std::string node = kube->Unique("node");
  kube->CreateNode(node);
  std::set<std::string> living;
  std::set<std::string> removed;
  const auto create = [&](const std::string& name) {
    living.insert(kube->CreatePod({.ns = ns, .name = name, .node = node}));
  };
  create("before");
  const std::string doomed = kube->CreatePod({.ns = ns, .name = "doomed", .node = node});
  World w(kube->Kubeconfig("ca"));
  w.StartAndSync();
  REQUIRE(w.cluster->KnownPod(doomed) != nullptr);

  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 5; ++i) {
      create("p" + std::to_string(round) + "-" + std::to_string(i));
    }
    kube->Restart();  // the last events may not have been told yet
    create("after" + std::to_string(round));
    if (round == 0) {
      kube->Delete("pods", ns, "doomed");
    }
  }
  CHECK(Eventually([&] {
    return w.cluster->KnownPod(doomed) == nullptr &&
           w.cluster->PodsOnNode(node).size() == living.size();
  }));
  for (const PodPtr& pod : w.cluster->PodsOnNode(node)) {
    CHECK(living.contains(pod->uid));
  }
  w.ComesTrue(
      [](const ClusterHealth& health) { return health.watching && health.problem.empty(); });
}

TEST_CASE("an API server that is away at the start is waited for, and said so once") {
  const auto kube = KubeBackend::Start({.exclusive = true});
  const std::string ns = kube->CreateNamespace("away");
  const std::string uid = kube->CreatePod({.ns = ns, .name = "web", .node = "n1"});
  const std::string config = kube->Kubeconfig("ca");
  kube->Stop();
  World w(config);
  w.cluster->Start();
  w.ComesTrue([](const ClusterHealth& health) { return !health.problem.empty(); });
  CHECK_FALSE(w.cluster->health().synced);
  CHECK(w.cluster->FindPod({uid, ns, "web"}).code() == Code::kUnavailable);
  std::this_thread::sleep_for(2s);  // three tries more
  CHECK(Count(w.log, "list pods") == 1);
  kube->Restart();
  w.ComesTrue([](const ClusterHealth& health) { return health.synced && health.watching; });
  CHECK(w.cluster->KnownPod(uid) != nullptr);
}

TEST_CASE("a hanging API server leaves what is known, and does not hold up a stop") {
  const auto kube = KubeBackend::Start({.exclusive = true});
  const std::string ns = kube->CreateNamespace("hang");
  const std::string uid = kube->CreatePod({.ns = ns, .name = "web", .node = "n1"});
  World w(kube->Kubeconfig("ca"));
  w.StartAndSync();
  kube->Pause();
  CHECK(w.cluster->KnownPod(uid) != nullptr);
  REQUIRE_OK(w.cluster->FindPod({uid, ns, "web"}));
  const RealClock clock;
  const MonoTime start = clock.Mono();
  w.cluster->Stop();
  CHECK(clock.Mono() - start < 1s);
  kube->Continue();
}

TEST_CASE("our own credential's trouble is named: 403 with the missing right, 401, another CA") {
  const auto kube = KubeBackend::Start();
  SECTION("a user without rights") {
    World w(kube->Kubeconfig("nobody"));
    w.cluster->Start();
    w.ComesTrue([](const ClusterHealth& health) {
      return health.problem.find("cannot list resource \"pods\"") != std::string::npos;
    });
    CHECK_FALSE(w.cluster->health().synced);
    const auto found = w.cluster->FindPod({"u-1", "shop", "web"});
    REQUIRE_ERROR(found, Code::kUnavailable, "cannot get resource \"pods\"");
  }
  SECTION("a token that is not accepted") {
    World w(kube->KubeconfigWithToken("s3cret.not.accepted"));
    w.cluster->Start();
    w.ComesTrue([](const ClusterHealth& health) {
      return health.problem.find("does not accept our credential") != std::string::npos;
    });
    CHECK_FALSE(w.log.Contains("s3cret"));
  }
  SECTION("another CA") {
    const test::TempDir dir;
    const test::TestCa other("example.org");
    REQUIRE_OK(
        WriteFileAtomic(dir.File("ca"), AsBytes(crypto::PemEncode("CERTIFICATE", other.der()))));
    const auto config = std::make_shared<ApiConfig>(
        ApiConfig{.origin = "test", .server = kube->url(), .ca = {.file = dir.File("ca")}});
    const RealClock clock;
    MemoryLogger log;
    const auto cluster = NewCluster({.name = "prod", .rules = {.audience = kAudience}},
                                    *OpenApi(config, clock, log), clock, log);
    cluster->Start();
    CHECK(Eventually(
        [&] { return cluster->health().problem.find("not trusted") != std::string::npos; }));
  }
}

TEST_CASE("a token of a pod is judged, and a cluster in remote mode knows no pods") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("tokens");
  kube->CreateServiceAccount(ns, "agent");
  const std::string uid = kube->CreatePod({.ns = ns, .name = "agent-1", .sa = "agent"});
  const std::string text = kube->Token({.ns = ns,
                                        .sa = "agent",
                                        .audiences = {kAudience},
                                        .bound_kind = "Pod",
                                        .bound_name = "agent-1",
                                        .bound_uid = uid});
  World w(kube->Kubeconfig("ca"));
  const auto token = w.cluster->VerifyToken(text);
  REQUIRE_OK(token);
  CHECK(token->namespace_name == ns);
  CHECK(token->service_account == "agent");
  CHECK(token->pod_uid == uid);

  // The admin: reading the keys is a right of its own, which the CA of a watched cluster needs not.
  World remote(kube->Kubeconfig("admin"), {.rules = {.max_age = 15min}, .watch = false});
  remote.cluster->Start();
  REQUIRE_OK(remote.cluster->VerifyToken(text));
  CHECK(remote.cluster->health().synced);
  REQUIRE_ERROR(remote.cluster->FindPod({uid, ns, "agent-1"}), Code::kFailedPrecondition,
                "not watched");
  CHECK(remote.cluster->FindNode("n1").code() == Code::kFailedPrecondition);
}

TEST_CASE("5xx and 429 are tried again, never taken for an answer", "[stub]") {
  const auto kube = KubeBackend::StartStub();
  const std::string ns = kube->CreateNamespace("errors");
  const std::string uid = kube->CreatePod({.ns = ns, .name = "web", .node = "n1"});
  World w(kube->Kubeconfig("ca"));
  kube->FailNext({.count = 2, .status = 500, .path_contains = "/pods"});
  kube->FailNext({.count = 1, .status = 429, .path_contains = "/pods", .retry_after_seconds = 1});
  w.StartAndSync();
  CHECK(w.cluster->KnownPod(uid) != nullptr);
  // Of this pod alone: the watch may be about to come back and would take the answer.
  kube->FailNext({.count = 1, .status = 503, .path_contains = "/pods/web"});
  CHECK(w.cluster->FindPod({"other", ns, "web"}).code() == Code::kUnavailable);
}

TEST_CASE("watches that are cut go on from their version, or list again if it is gone", "[stub]") {
  const auto kube = KubeBackend::StartStub();
  const std::string ns = kube->CreateNamespace("cut");
  const std::string doomed = kube->CreatePod({.ns = ns, .name = "doomed", .node = "n1"});
  World w(kube->Kubeconfig("ca"));
  w.StartAndSync();
  REQUIRE(Eventually([&] { return kube->OpenWatches() == 2; }));
  const bool compacted = GENERATE(false, true);
  const int lists = kube->CountRequests("GET", "/pods?limit");
  kube->FailNext({.count = 2, .status = 503, .path_contains = "watch=1"});  // time to miss events
  kube->DropWatches();
  kube->Delete("pods", ns, "doomed");
  const std::string fresh = kube->CreatePod({.ns = ns, .name = "fresh", .node = "n2"});
  if (compacted) {
    kube->Compact();
  }
  CHECK(Eventually([&] {
    return w.cluster->KnownPod(fresh) != nullptr && w.cluster->KnownPod(doomed) == nullptr;
  }));
  CHECK(Eventually([&] { return w.WasTold("n1"); }));
  CHECK(Eventually([&] { return w.WasTold("n2"); }));
  CHECK(kube->CountRequests("GET", "/pods?limit") == lists + (compacted ? 1 : 0));
}

}  // namespace
}  // namespace signet::kubernetes
