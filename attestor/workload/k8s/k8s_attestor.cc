#include "attestor/workload/k8s/k8s_attestor.h"

#include <algorithm>
#include <utility>

#include "attestor/workload/k8s/pod_selectors.h"
#include "attestor/workload/proc_file.h"
#include "core/base/check.h"

namespace signet::attestor {
namespace {

constexpr std::size_t kMaxCgroupFileBytes = 64 * 1024;

using kubernetes::ContainerStatus;
using kubernetes::PodPtr;

void SortUnique(std::vector<spiffe::Selector>& selectors) {
  std::sort(selectors.begin(), selectors.end());
  selectors.erase(std::unique(selectors.begin(), selectors.end()), selectors.end());
}

std::string NameOf(const kubernetes::Pod& pod, const ContainerStatus* container) {
  const std::string name = "pod " + pod.namespace_name + "/" + pod.name;
  return container == nullptr ? name : name + " container " + container->name;
}

}  // namespace

K8sAttestor::K8sAttestor(K8sAttestorOptions options, const World& world)
    : options_(std::move(options)),
      facts_(world.facts),
      waits_(world.waits),
      clock_(world.clock),
      logger_(world.logger) {
  SIGNET_CHECK(options_.alive != nullptr && options_.check_cgroup != nullptr,
               "K8sAttestorOptions: alive and check_cgroup are required");
}

Result<AttestedWorkload> K8sAttestor::Attest(const rpc::PeerProcess& process) {
  SIGNET_TRY_ASSIGN(const std::optional<PodPlace> place, Locate(process));
  AttestedWorkload workload;
  if (place) {
    SIGNET_TRY_ASSIGN(workload, Describe(*place));
  }
  if (!options_.alive(process)) {
    return PermissionDenied("the calling process ended before it was attested");
  }
  if (workload.anchor.empty()) {
    workload.anchor = "no pod";
  }
  return workload;
}

Result<std::optional<PodPlace>> K8sAttestor::Locate(const rpc::PeerProcess& process) const {
  const std::string path = options_.proc_root + "/" + std::to_string(process.pid) + "/cgroup";
  SIGNET_TRY_ASSIGN(const std::string text, ReadProcFile(path, kMaxCgroupFileBytes));
  if (options_.log_cgroups) {
    logger_.Debug("cgroups of a workload", {{"pid", process.pid}, {"cgroups", text}});
  }
  SIGNET_TRY_ASSIGN(std::optional<PodPlace> place, LocatePod(text, options_.cgroups));
  if (!place) {
    return place;
  }
  if (!place->unified_path.empty()) {
    SIGNET_TRY(options_.check_cgroup(process, place->unified_path));
  }
  if (place->static_pod) {
    logger_.Debug("a static pod has no service account; no k8s selectors",
                  {{"pid", process.pid}, {"uid", place->pod_uid}});
    return std::optional<PodPlace>();
  }
  return place;
}

Result<AttestedWorkload> K8sAttestor::Describe(const PodPlace& place) {
  const PodPtr pod = facts_.Find(place.pod_uid);
  if (pod == nullptr) {
    return WaitFor(place, {.pod_uid = place.pod_uid, .pod = nullptr, .waits_for = ""},
                   "nothing is known yet of pod " + place.pod_uid);
  }
  waits_.Found(place.pod_uid, "");
  const ContainerStatus* const container = FindContainer(*pod, place.container_id);
  PodWaits::Seen seen{.pod_uid = place.pod_uid, .pod = pod};
  seen.needs_as_of = MissingSince(place, container != nullptr);
  // A container that is not reported may be an ephemeral one.
  const bool undecided =
      container == nullptr && !options_.allow_ephemeral_containers && HasUnreportedEphemeral(*pod);
  if (undecided || seen.needs_as_of) {
    seen.waits_for = place.container_id;
    return WaitFor(place, std::move(seen), NameOf(*pod, container) + " is not known well enough");
  }
  AttestedWorkload workload = Watched(place, std::move(seen));
  workload.description = NameOf(*pod, container);
  if (IsRefused(place, container)) {
    return workload;
  }
  workload.selectors = PodSelectors(*pod);
  if (container != nullptr && options_.container_selectors) {
    std::vector<spiffe::Selector> more = ContainerSelectors(*container);
    workload.selectors.insert(workload.selectors.end(), more.begin(), more.end());
  }
  SortUnique(workload.selectors);
  return workload;
}

/// MissingSince: facts as of that moment are needed, and not here. Facts that do not list the
/// container must be newer than the first question for it: an ephemeral one could have been
/// started since.
std::optional<MonoTime> K8sAttestor::MissingSince(const PodPlace& place, bool container_known) {
  if (container_known && facts_.IsAsOf(clock_.Mono() - options_.max_age)) {
    waits_.Found(place.pod_uid, place.container_id);
    return std::nullopt;
  }
  const PodWaits::Want want = waits_.Lacks(place.pod_uid, place.container_id);
  if (facts_.IsAsOf(want.since)) {
    return std::nullopt;
  }
  if (container_known && want.given_up) {
    logger_.Warn("facts of a pod are old and cannot be renewed",
                 {{"pod", place.pod_uid}, {"problem", facts_.Problem()}});
    return std::nullopt;
  }
  return want.since;
}

Result<AttestedWorkload> K8sAttestor::WaitFor(const PodPlace& place, PodWaits::Seen seen,
                                              const std::string& what) const {
  if (waits_.Lacks(place.pod_uid, *seen.waits_for).given_up) {
    const std::string problem = facts_.Problem();
    return Unavailable(what +
                       (problem.empty() ? "; the kubelet does not list it" : ": " + problem));
  }
  AttestedWorkload workload = Watched(place, std::move(seen));
  workload.pending = what;
  return workload;
}

bool K8sAttestor::IsRefused(const PodPlace& place, const ContainerStatus* container) const {
  const bool ephemeral =
      container != nullptr && container->kind == kubernetes::ContainerKind::kEphemeral;
  if (!ephemeral || options_.allow_ephemeral_containers) {
    return false;
  }
  logger_.Warn(
      "an ephemeral container gets no identity of its pod; allow_ephemeral_containers would",
      {{"pod", place.pod_uid}, {"container", container->name}});
  return true;
}

AttestedWorkload K8sAttestor::Watched(const PodPlace& place, PodWaits::Seen seen) const {
  AttestedWorkload workload;
  workload.anchor = "pod " + place.pod_uid + " container " + place.container_id;
  workload.watch = [&waits = waits_, seen = std::move(seen)](std::function<void()> changed) {
    return waits.Watch(seen, std::move(changed));
  };
  return workload;
}

}  // namespace signet::attestor
