// On the machine's own cgroup v2 tree; needs root.
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "attestor/workload/k8s/cgroup_tree.h"
#include "attestor/workload/k8s/k8s_attestor.h"
#include "tests/attestor/workload/k8s/fake_facts.h"
#include "tests/support/pod_cgroups.h"
#include "tests/support/result.h"

namespace signet::attestor {
namespace {

const std::string kPodA = "00000000-1111-4222-8333-44444444444a";
const std::string kPodB = "00000000-1111-4222-8333-44444444444b";
const std::string kContainer(64, 'a');
const std::string kOther(64, 'b');

/// Child is a process that waits until it is killed.
class Child {
 public:
  Child() {
    process_.pid = ::fork();
    if (process_.pid == 0) {
      while (true) {
        ::pause();
      }
    }
    process_.pidfd.Reset(static_cast<int>(::syscall(SYS_pidfd_open, process_.pid, 0)));
    REQUIRE(process_.pidfd);
  }
  ~Child() { End(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  void End() {
    if (!ended_) {
      ::kill(process_.pid, SIGKILL);
      ::waitpid(process_.pid, nullptr, 0);
      ended_ = true;
    }
  }
  const rpc::PeerProcess& process() const { return process_; }

 private:
  rpc::PeerProcess process_;
  bool ended_ = false;
};

kubernetes::Pod PodOf(const std::string& uid, const std::string& name) {
  kubernetes::Pod pod;
  pod.uid = uid;
  pod.namespace_name = "shop";
  pod.name = name;
  pod.service_account = name;
  return pod;
}

/// Machine is this machine, with two pods that are known.
struct Machine {
  explicit Machine(signet::test::PodCgroups made) : groups(std::move(made)) {
    facts.Put(PodOf(kPodA, "frontend"));
    facts.Put(PodOf(kPodB, "backend"));
  }
  Result<AttestedWorkload> Attest(const rpc::PeerProcess& process) {
    K8sAttestorOptions options;
    options.alive = [](const rpc::PeerProcess& peer) { return peer.Alive(); };
    options.check_cgroup = [this](const rpc::PeerProcess& peer, const std::string& path) {
      before_check();
      return tree ? tree->Check(peer.pidfd.get(), path) : Status();
    };
    return K8sAttestor(options, {facts, waits, clock, logger}).Attest(process);
  }
  std::string ServiceAccount(const rpc::PeerProcess& process) {
    const auto workload = Attest(process);
    REQUIRE_OK(workload);
    for (const spiffe::Selector& selector : workload->selectors) {
      if (selector.value.starts_with("sa:")) {
        return selector.value.substr(3);
      }
    }
    return "none";
  }

  signet::test::PodCgroups groups;
  RealClock clock;
  NullLogger logger;
  test::FakeFacts facts;
  PodWaits waits{facts, {}, clock, [] {}};
  std::optional<CgroupTree> tree;
  std::function<void()> before_check = [] {};
};

/// OnThisMachine runs a test's body if the machine lets it.
void OnThisMachine(const std::function<void(Machine&)>& body) {
  auto groups = signet::test::PodCgroups::Create();
  if (!groups.ok()) {
    WARN("SKIPPED, it needs root and cgroup v2: " << groups.error().message);
    return;
  }
  Machine machine(std::move(*groups));
  body(machine);
}

/// OnThisKernel also needs a kernel that tells a pidfd's cgroup.
void OnThisKernel(const std::function<void(Machine&)>& body) {
  OnThisMachine([&](Machine& machine) {
    auto tree = CgroupTree::Open({machine.groups.mount()});
    if (!tree.ok()) {
      WARN("SKIPPED: " << tree.error().message);
      return;
    }
    machine.tree.emplace(std::move(*tree));
    body(machine);
  });
}

TEST_CASE("a real process in a pod's group is attested as that pod", "[cgroup]") {
  OnThisMachine([](Machine& machine) {
    const Child child;
    CHECK(machine.ServiceAccount(child.process()) == "none");
    machine.groups.Move(child.process().pid,
                        machine.groups.Make("/kubepods/burstable/pod" + kPodA + "/" + kContainer));
    CHECK(machine.ServiceAccount(child.process()) == "frontend");
  });
}

TEST_CASE("a real child group that is named after another pod is not believed", "[cgroup]") {
  OnThisMachine([](Machine& machine) {
    const Child child;
    machine.groups.Move(child.process().pid,
                        machine.groups.Make("/kubepods/pod" + kPodA + "/" + kContainer +
                                            "/kubepods/pod" + kPodB + "/" + kOther));
    CHECK(machine.ServiceAccount(child.process()) == "frontend");
  });
}

TEST_CASE("the kernel's number of a real process's group fits its path", "[cgroup]") {
  OnThisKernel([](Machine& machine) {
    const Child child;
    const std::string group = machine.groups.Make("/kubepods/pod" + kPodA + "/" + kContainer);
    machine.groups.Move(child.process().pid, group);
    const int pidfd = child.process().pidfd.get();
    CHECK(machine.tree->Check(pidfd, group).ok());
    CHECK(machine.ServiceAccount(child.process()) == "frontend");
    CHECK(machine.tree->Check(pidfd, "/../../elsewhere").ok());
    REQUIRE_ERROR(machine.tree->Check(pidfd, group + "/nothing"), Code::kPermissionDenied, "moved");
  });
}

TEST_CASE("a real process that moves between the reading and the check is refused", "[cgroup]") {
  OnThisKernel([](Machine& machine) {
    const Child child;
    const std::string a = machine.groups.Make("/kubepods/pod" + kPodA + "/" + kContainer);
    const std::string b = machine.groups.Make("/kubepods/pod" + kPodB + "/" + kOther);
    machine.groups.Move(child.process().pid, a);
    machine.before_check = [&] { machine.groups.Move(child.process().pid, b); };
    REQUIRE_ERROR(machine.Attest(child.process()), Code::kPermissionDenied, "another cgroup");
  });
}

TEST_CASE("a real process that has ended is refused, also if its pid's file can still be read",
          "[cgroup]") {
  OnThisMachine([](Machine& machine) {
    Child child;
    machine.groups.Move(child.process().pid,
                        machine.groups.Make("/kubepods/pod" + kPodA + "/" + kContainer));
    machine.before_check = [&] { child.End(); };
    CHECK(machine.Attest(child.process()).code() == Code::kPermissionDenied);
    CHECK(machine.Attest(child.process()).code() == Code::kPermissionDenied);
  });
}

TEST_CASE("a mount that does not show this process is no cgroup tree") {
  REQUIRE_ERROR(CgroupTree::Open({"/nowhere", "/proc"}), Code::kFailedPrecondition, "");
}

}  // namespace
}  // namespace signet::attestor
