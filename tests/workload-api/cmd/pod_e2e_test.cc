// A whole server and agent, a kubelet that serves the Pods API, and this very process in the
// cgroups of pods. Needs root and cgroup v2.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "kubelet/pod.pb.h"
#include "tests/support/pod_cgroups.h"
#include "tests/support/result.h"
#include "tests/workload-api/cmd/house.h"
#include "tests/workload-api/kubelet/fake_kubelet.h"

namespace signet::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kContainer(64, 'a');

std::string Uid(int number) {
  const std::string digits = std::to_string(number);
  return "00000000-1111-4222-8333-" + std::string(12 - digits.size(), '0') + digits;
}

/// WirePod is a pod of namespace shop as the kubelet tells of it.
kubelet::Pod WirePod(int number, const std::string& service_account) {
  kubelet::Pod pod;
  pod.mutable_metadata()->set_name("pod-" + std::to_string(number));
  pod.mutable_metadata()->set_namespace_("shop");
  pod.mutable_metadata()->set_uid(Uid(number));
  pod.mutable_spec()->set_node_name("node1");
  pod.mutable_spec()->set_service_account_name(service_account);
  pod.mutable_status()->set_phase("Running");
  return pod;
}

kubelet::Pod WithContainer(kubelet::Pod pod, const std::string& name) {
  auto& status = *pod.mutable_status()->add_container_statuses();
  status.set_name(name);
  status.set_container_id("containerd://" + kContainer);
  return pod;
}

std::string OwnGroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) {
      return line.substr(3);
    }
  }
  return "/";
}

/// Node is a machine with an agent and a kubelet that knows `known`.
struct Node {
  Node(PodCgroups made, std::vector<std::string> known)
      : groups(std::move(made)), kubelet(house.dir.File("pods-api.sock"), std::move(known)) {
    token = house.JoinToken();
    house.CreateEntry(token, "/ns/shop/sa/frontend", {{"k8s", "ns:shop"}, {"k8s", "sa:frontend"}});
    house.CreateEntry(token, "/ns/shop/sa/backend", {{"k8s", "ns:shop"}, {"k8s", "sa:backend"}});
    house.CreateEntry(token, "/app", {{"k8s", "sa:frontend"}, {"k8s", "container-name:app"}});
    house.adjust_agent = [this](agent_cmd::AgentConfig& config) {
      config.k8s_attestor.emplace();
      config.k8s_attestor->source = agent_cmd::PodSource::kPodsApi;
      config.k8s_attestor->pods_api_socket = house.dir.File("pods-api.sock");
      config.k8s_attestor->waits.patience = patience;
    };
  }
  ~Node() {
    agent.reset();
    groups.Move(::getpid(), home);
  }

  /// Start returns once the agent has its entries and identities.
  void Start() {
    auto started = house.StartAgent(token);
    REQUIRE_OK(started);
    agent = std::move(*started);
    REQUIRE(Eventually([this] { return agent->Ready(); }));
  }
  /// RunIn makes this process one of a pod's container.
  void RunIn(int pod, const std::string& below = {}) {
    groups.Move(::getpid(),
                groups.Make("/kubepods/burstable/pod" + Uid(pod) + "/" + kContainer + below));
  }
  /// Fetch opens a stream until one gives an identity.
  std::vector<std::string> Fetch() {
    Result<Fetched> fetched = Unavailable("not asked");
    Eventually([&] {
      fetched = SvidStream(house.socket_path()).Next();
      return fetched.ok();
    });
    REQUIRE_OK(fetched);
    return fetched->ids;
  }

  const std::string home = OwnGroup();
  PodCgroups groups;
  House house;
  kubelet::test::FakeKubelet kubelet;
  Duration patience = seconds(5);
  std::string token;
  std::unique_ptr<agent_cmd::RunningAgent> agent;
};

void OnNode(std::vector<std::string> known, const std::function<void(Node&)>& body) {
  auto groups = PodCgroups::Create();
  if (!groups.ok()) {
    WARN("SKIPPED, it needs root and cgroup v2: " << groups.error().message);
    return;
  }
  Node node(std::move(*groups), std::move(known));
  body(node);
}

std::vector<std::string> Ids(const std::vector<std::string>& paths) {
  std::vector<std::string> ids;
  for (const std::string& path : paths) {
    ids.push_back("spiffe://example.org" + path);
  }
  return ids;
}

TEST_CASE("a process of a pod gets the identity of its service account over the shared socket") {
  OnNode({WirePod(1, "frontend").SerializeAsString(), WirePod(2, "backend").SerializeAsString()},
         [](Node& node) {
           node.Start();
           node.RunIn(1);
           CHECK(node.Fetch() == Ids({"/ns/shop/sa/frontend"}));
           node.RunIn(2);
           CHECK(node.Fetch() == Ids({"/ns/shop/sa/backend"}));
           node.RunIn(1, "/kubepods/pod" + Uid(2) + "/" + kContainer);  // a name of its own making
           CHECK(node.Fetch() == Ids({"/ns/shop/sa/frontend"}));
         });
}

TEST_CASE("a process outside of pods gets no pod's identity") {
  OnNode({WirePod(1, "frontend").SerializeAsString()}, [](Node& node) {
    node.Start();
    REQUIRE_ERROR(SvidStream(node.house.socket_path()).Next(), Code::kPermissionDenied,
                  "no identity issued");
  });
}

TEST_CASE("an open stream gets more when the kubelet reports the container, and less again") {
  OnNode({WirePod(1, "frontend").SerializeAsString()}, [](Node& node) {
    node.Start();
    node.RunIn(1);
    REQUIRE(node.Fetch().size() == 1);
    SvidStream stream(node.house.socket_path());
    REQUIRE_OK(stream.Next());
    node.kubelet.Send(v1alpha1::MODIFIED,
                      WithContainer(WirePod(1, "frontend"), "app").SerializeAsString());
    const auto more = stream.Next();
    REQUIRE_OK(more);
    CHECK(more->ids.size() == 2);
    node.kubelet.Send(v1alpha1::MODIFIED,
                      WithContainer(WirePod(1, "frontend"), "other").SerializeAsString());
    const auto less = stream.Next();
    REQUIRE_OK(less);
    CHECK(less->ids == Ids({"/ns/shop/sa/frontend"}));
  });
}

TEST_CASE("a process that moves to another pod's group loses its stream") {
  OnNode({WirePod(1, "frontend").SerializeAsString(), WirePod(2, "frontend").SerializeAsString()},
         [](Node& node) {
           node.Start();
           node.RunIn(1);
           node.Fetch();
           SvidStream stream(node.house.socket_path());
           REQUIRE_OK(stream.Next());
           node.RunIn(2);
           node.kubelet.Send(v1alpha1::MODIFIED,
                             WithContainer(WirePod(1, "frontend"), "app").SerializeAsString());
           REQUIRE_ERROR(stream.Next(), Code::kPermissionDenied, "no longer what it was");
         });
}

TEST_CASE("a pod that the kubelet does not know is waited for, and then refused with the reason") {
  OnNode({}, [](Node& node) {
    node.patience = milliseconds(300);
    node.Start();
    node.RunIn(7);
    REQUIRE_ERROR(SvidStream(node.house.socket_path()).Next(), Code::kUnavailable,
                  "nothing is known yet of pod " + Uid(7));
  });
}

TEST_CASE("a pod that is gone and whose process lives on loses its stream") {
  OnNode({WirePod(1, "frontend").SerializeAsString()}, [](Node& node) {
    node.patience = milliseconds(300);
    node.Start();
    node.RunIn(1);
    node.Fetch();
    SvidStream stream(node.house.socket_path());
    REQUIRE_OK(stream.Next());
    node.kubelet.Send(v1alpha1::DELETED, WirePod(1, "").SerializeAsString());
    CHECK(stream.Next().code() == Code::kUnavailable);
  });
}

TEST_CASE("a pod that starts has its SVID within 250 ms of being known, 99 times of 100") {
  OnNode({WirePod(0, "frontend").SerializeAsString()}, [](Node& node) {
    node.Start();
    node.RunIn(0);
    node.Fetch();  // the entries' SVIDs are there
    const RealClock clock;
    std::vector<Duration> times;
    for (int pod = 1; pod <= 100; ++pod) {
      node.RunIn(pod);
      SvidStream stream(node.house.socket_path());  // asks before the kubelet has told
      const MonoTime told = clock.Mono();
      node.kubelet.Send(v1alpha1::ADDED, WirePod(pod, "frontend").SerializeAsString());
      const auto fetched = stream.Next();
      REQUIRE_OK(fetched);
      CHECK(fetched->ids == Ids({"/ns/shop/sa/frontend"}));
      times.push_back(clock.Mono() - told);
    }
    std::sort(times.begin(), times.end());
    const auto ms = [](Duration time) {
      return std::chrono::duration_cast<milliseconds>(time).count();
    };
    WARN("pod known → SVID: p50 " << ms(times[49]) << " ms, p99 " << ms(times[98]) << " ms, max "
                                  << ms(times[99]) << " ms");
    CHECK(times[98] <= milliseconds(250));
  });
}

}  // namespace
}  // namespace signet::test
