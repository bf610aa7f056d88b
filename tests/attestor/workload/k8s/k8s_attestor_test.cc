#include "attestor/workload/k8s/k8s_attestor.h"

#include <algorithm>
#include <filesystem>

#include "core/base/files.h"
#include "tests/attestor/workload/k8s/fake_facts.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::attestor {
namespace {

using kubernetes::ContainerKind;
using kubernetes::Pod;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kUid = "00000000-1111-4222-8333-44444444444a";
const std::string kApp(64, 'a');
const std::string kInit(64, 'b');
const std::string kDebug(64, 'd');
const std::string kNew(64, 'e');

Pod Frontend() {
  Pod pod;
  pod.uid = kUid;
  pod.namespace_name = "shop";
  pod.name = "frontend-1";
  pod.service_account = "frontend";
  pod.node_name = "node1";
  pod.labels = {{"app", "frontend"}, {"empty", ""}};
  pod.owners = {{.kind = "ReplicaSet", .name = "frontend", .uid = "owner-uid"}};
  pod.containers = {{.name = "setup", .image = "setup:1", .kind = ContainerKind::kInit},
                    {.name = "app", .image = "app:1"}};
  pod.statuses = {{.name = "app",
                   .container_id = kApp,
                   .image = "example.org/app:1",
                   .image_id = "example.org/app@sha256:01"},
                  {.name = "setup",
                   .container_id = kInit,
                   .image = "example.org/setup:1",
                   .image_id = "",
                   .kind = ContainerKind::kInit}};
  return pod;
}

/// Node is a made-up /proc with one process, 4711, and what the kubelet says of its pods.
struct Node {
  Node() {
    process.pid = 4711;
    options.proc_root = dir.path();
    options.alive = [](const rpc::PeerProcess&) { return true; };
    options.check_cgroup = [](const rpc::PeerProcess&, const std::string&) { return Status(); };
    std::filesystem::create_directories(dir.File("4711"));
    RunIn("/kubepods/burstable/pod" + kUid + "/" + kApp);
    facts.Put(Frontend());
  }
  void RunIn(const std::string& path) {
    REQUIRE_OK(WriteFileAtomic(dir.File("4711/cgroup"), AsBytes("0::" + path + "\n")));
  }
  void RunInContainer(const std::string& id) { RunIn("/kubepods/pod" + kUid + "/" + id); }
  Result<AttestedWorkload> Attest() {
    return K8sAttestor(options, {facts, waits, clock, logger}).Attest(process);
  }
  std::vector<std::string> Selectors() {
    const auto workload = Attest();
    REQUIRE_OK(workload);
    REQUIRE(workload->pending.empty());
    std::vector<std::string> texts;
    for (const spiffe::Selector& selector : workload->selectors) {
      texts.push_back(selector.ToString());
    }
    return texts;
  }
  bool Has(const std::string& selector) {
    const auto texts = Selectors();
    return std::find(texts.begin(), texts.end(), selector) != texts.end();
  }

  signet::test::TempDir dir;
  rpc::PeerProcess process;
  FakeClock clock;
  MemoryLogger logger;
  test::FakeFacts facts;
  PodWaits waits{facts, {}, clock, [] {}};
  K8sAttestorOptions options;
};

TEST_CASE("a process in a container has SPIRE's k8s selectors of its pod and of the container") {
  Node node;
  CHECK(node.Selectors() ==
        std::vector<std::string>{
            "k8s:container-image:example.org/app:1",
            "k8s:container-image:example.org/app@sha256:01", "k8s:container-name:app",
            "k8s:node-name:node1", "k8s:ns:shop", "k8s:pod-image-count:1",
            "k8s:pod-image:example.org/app:1", "k8s:pod-image:example.org/app@sha256:01",
            "k8s:pod-init-image-count:1", "k8s:pod-init-image:example.org/setup:1",
            "k8s:pod-label:app:frontend", "k8s:pod-label:empty:", "k8s:pod-name:frontend-1",
            "k8s:pod-owner-uid:ReplicaSet:owner-uid", "k8s:pod-owner:ReplicaSet:frontend",
            "k8s:pod-uid:" + kUid, "k8s:sa:frontend"});
  CHECK(node.Attest()->description == "pod shop/frontend-1 container app");
}

TEST_CASE("an init container, and so a native sidecar, is found by its own status") {
  Node node;
  node.RunInContainer(kInit);
  CHECK(node.Has("k8s:container-name:setup"));
}

TEST_CASE("disable_container_selectors leaves the pod's alone") {
  Node node;
  node.options.container_selectors = false;
  CHECK(node.Has("k8s:pod-image:example.org/app:1"));
  CHECK_FALSE(node.Has("k8s:container-name:app"));
}

TEST_CASE("a process outside of pods has no k8s selectors, and is not an error") {
  Node node;
  SECTION("a service") { node.RunIn("/system.slice/ssh.service"); }
  SECTION("a static pod") { node.RunIn("/kubepods/pod" + std::string(32, '5') + "/" + kApp); }
  CHECK(node.Selectors().empty());
}

TEST_CASE("a process that ends before the answer is refused") {
  Node node;
  SECTION("in a pod") {}
  SECTION("outside") { node.RunIn("/"); }
  node.options.alive = [](const rpc::PeerProcess&) { return false; };
  REQUIRE_ERROR(node.Attest(), Code::kPermissionDenied, "ended");
}

TEST_CASE("a process whose group is another by the kernel's word is refused") {
  Node node;
  std::string asked;
  node.options.check_cgroup = [&](const rpc::PeerProcess&, const std::string& path) {
    asked = path;
    return Status(PermissionDenied("moved"));
  };
  REQUIRE_ERROR(node.Attest(), Code::kPermissionDenied, "moved");
  CHECK(asked == "/kubepods/burstable/pod" + kUid + "/" + kApp);
}

TEST_CASE("a process without a cgroup file is refused") {
  Node node;
  std::filesystem::remove(node.dir.File("4711/cgroup"));
  REQUIRE_ERROR(node.Attest(), Code::kPermissionDenied, "gone");
}

TEST_CASE("a pod that nothing is known of is waited for, and then refused with the reason") {
  Node node;
  node.facts.Remove(kUid);
  const auto first = node.Attest();
  REQUIRE_OK(first);
  CHECK_THAT(first->pending, Catch::Contains("nothing is known yet of pod " + kUid));
  CHECK(first->selectors.empty());
  REQUIRE(first->watch != nullptr);
  int told = 0;
  const auto handle = first->watch([&] { ++told; });
  SECTION("the pod comes") {
    node.facts.Put(Frontend());
    CHECK(told == 1);
    CHECK(node.Has("k8s:sa:frontend"));
  }
  SECTION("it does not come") {
    node.facts.SetProblem("the kubelet refuses: grant get on nodes/pods");
    node.clock.Advance(seconds(5));
    node.waits.Step();
    CHECK(told == 1);
    REQUIRE_ERROR(node.Attest(), Code::kUnavailable, "grant get on nodes/pods");
  }
}

TEST_CASE("a container that fresh facts do not list has the pod's selectors, and later its own") {
  Node node;
  node.RunInContainer(kNew);
  const auto first = node.Attest();
  REQUIRE_OK(first);
  CHECK(first->pending.empty());
  CHECK(node.Has("k8s:sa:frontend"));
  int told = 0;
  const auto handle = first->watch([&] { ++told; });
  CHECK(told == 0);

  Pod pod = Frontend();
  pod.statuses.push_back({.name = "late", .container_id = kNew, .image = "late:1", .image_id = ""});
  node.facts.Put(pod);
  CHECK(told == 1);
  const auto second = node.Attest();
  REQUIRE_OK(second);
  CHECK(second->anchor == first->anchor);
  CHECK(node.Has("k8s:container-name:late"));
}

TEST_CASE("a container that is newer than the facts waits for newer ones") {
  Node node;
  node.facts.SetAsOf(node.clock.Mono() - seconds(1));
  node.RunInContainer(kNew);
  const auto first = node.Attest();
  REQUIRE_OK(first);
  CHECK_THAT(first->pending, Catch::Contains("pod shop/frontend-1"));
  int told = 0;
  const auto handle = first->watch([&] { ++told; });
  SECTION("they come") {
    node.facts.SetAsOf(node.clock.Mono());
    CHECK(told == 1);
    CHECK(node.Has("k8s:sa:frontend"));
  }
  SECTION("they do not") {
    node.clock.Advance(seconds(5));
    node.waits.Step();
    CHECK(told == 1);
    CHECK(node.Attest().code() == Code::kUnavailable);
  }
}

TEST_CASE("facts that have become old are renewed before they are believed") {
  Node node;
  node.facts.SetAsOf(node.clock.Mono());
  CHECK(node.Has("k8s:pod-label:app:frontend"));
  node.clock.Advance(seconds(16));
  const auto first = node.Attest();
  REQUIRE_OK(first);
  CHECK_FALSE(first->pending.empty());
  int told = 0;
  const auto handle = first->watch([&] { ++told; });
  CHECK(told == 0);
  SECTION("they come") {
    Pod pod = Frontend();
    pod.labels.clear();
    node.facts.Put(pod);
    node.facts.SetAsOf(node.clock.Mono());
    CHECK(told == 1);
    CHECK_FALSE(node.Has("k8s:pod-label:app:frontend"));
  }
  SECTION("they do not: an outage of the kubelet takes no identity away") {
    node.clock.Advance(seconds(5));
    node.waits.Step();
    CHECK(told == 1);
    CHECK(node.Has("k8s:sa:frontend"));
    CHECK(node.logger.Contains("cannot be renewed"));
  }
}

TEST_CASE("an ephemeral container has no k8s selectors unless that is allowed") {
  Node node;
  Pod pod = Frontend();
  pod.containers.push_back(
      {.name = "debug", .image = "busybox", .kind = ContainerKind::kEphemeral});
  node.RunInContainer(kDebug);
  const kubernetes::ContainerStatus status{.name = "debug",
                                           .container_id = kDebug,
                                           .image = "busybox",
                                           .image_id = "",
                                           .kind = ContainerKind::kEphemeral};
  SECTION("reported") {
    pod.statuses.push_back(status);
    node.facts.Put(pod);
    CHECK(node.Selectors().empty());
    CHECK(node.logger.Contains("ephemeral"));
    node.options.allow_ephemeral_containers = true;
    CHECK(node.Has("k8s:container-name:debug"));
    CHECK(node.Has("k8s:pod-image-count:1"));
  }
  SECTION("not reported yet: it is waited for, and not taken for another container") {
    node.facts.Put(pod);
    const auto first = node.Attest();
    REQUIRE_OK(first);
    CHECK_FALSE(first->pending.empty());
    int told = 0;
    const auto handle = first->watch([&] { ++told; });
    CHECK(told == 0);  // fresh facts do not decide it
    pod.statuses.push_back(status);
    node.facts.Put(pod);
    CHECK(told == 1);
    CHECK(node.Selectors().empty());
  }
}

TEST_CASE("a process that moved to another pod or container has another anchor") {
  Node node;
  const std::string before = node.Attest()->anchor;
  node.RunInContainer(kInit);
  CHECK(node.Attest()->anchor != before);
  node.RunIn("/");
  CHECK(node.Attest()->anchor != before);
}

TEST_CASE("cgroup files are logged only on wish") {
  Node node;
  REQUIRE_OK(node.Attest());
  CHECK_FALSE(node.logger.Contains("kubepods"));
  node.options.log_cgroups = true;
  REQUIRE_OK(node.Attest());
  CHECK(node.logger.Contains("kubepods"));
}

}  // namespace
}  // namespace signet::attestor
