#pragma once

#include <functional>
#include <optional>
#include <string>

#include "attestor/workload/attestor.h"
#include "attestor/workload/k8s/cgroup.h"
#include "attestor/workload/k8s/cgroup_tree.h"
#include "attestor/workload/k8s/pod_facts.h"
#include "attestor/workload/k8s/pod_waits.h"
#include "core/base/log.h"

namespace signet::attestor {

struct K8sAttestorOptions {
  std::string proc_root = "/proc";
  CgroupRules cgroups = {};
  bool container_selectors = true;
  /// Ephemeral containers (kubectl debug) are other people's processes inside a pod; without this
  /// they get no selector of type "k8s".
  bool allow_ephemeral_containers = false;
  bool log_cgroups = false;  ///< each cgroup file in the debug log
  /// Facts that are older (labels may have changed) are renewed before they are believed; should
  /// that not succeed in PodWaits' patience, they are believed all the same: an outage of the
  /// kubelet takes no identity from a container that is known.
  Duration max_age = std::chrono::seconds(15);
  /// Both required: PeerProcess::Alive, and CgroupTree::Check where there is such a tree.
  std::function<bool(const rpc::PeerProcess&)> alive = {};
  std::function<Status(const rpc::PeerProcess&, const std::string& path)> check_cgroup = {};
};

/// K8sAttestor gives SPIRE's selectors of type "k8s" to a process that runs in a container of a pod
/// of this node, and none to any other:
///
///   pinned pidfd → /proc/<pid>/cgroup → the kernel's own cgroup number → pod → pidfd again
///
/// A pod that nothing is known of yet makes the answer pending; PodWaits tells when to ask again,
/// and after its patience the answer is UNAVAILABLE with the reason. A container that facts as of
/// the first question do not list gets the pod's selectors alone: lifecycle hooks run before the
/// kubelet reports it, and the container's selectors follow when it does.
class K8sAttestor final : public WorkloadAttestor {
 public:
  /// All of it must outlive the attestor.
  struct World {
    const PodFacts& facts;
    PodWaits& waits;
    const Clock& clock;
    Logger& logger;
  };
  K8sAttestor(K8sAttestorOptions options, const World& world);

  Result<AttestedWorkload> Attest(const rpc::PeerProcess& process) override;

 private:
  Result<std::optional<PodPlace>> Locate(const rpc::PeerProcess& process) const;
  Result<AttestedWorkload> Describe(const PodPlace& place);
  Result<AttestedWorkload> WaitFor(const PodPlace& place, PodWaits::Seen seen,
                                   const std::string& what) const;
  std::optional<MonoTime> MissingSince(const PodPlace& place, bool container_known);
  bool IsRefused(const PodPlace& place, const kubernetes::ContainerStatus* container) const;
  AttestedWorkload Watched(const PodPlace& place, PodWaits::Seen seen) const;

  const K8sAttestorOptions options_;
  const PodFacts& facts_;
  PodWaits& waits_;
  const Clock& clock_;
  Logger& logger_;
};

}  // namespace signet::attestor
