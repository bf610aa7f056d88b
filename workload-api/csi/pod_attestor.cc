#include "workload-api/csi/pod_attestor.h"

#include <algorithm>
#include <utility>

namespace signet::csi {

PodAttestor::PodAttestor(const CsiPod& pod, FindPodUid find_pod_uid)
    : uid_(pod.uid), find_pod_uid_(std::move(find_pod_uid)) {
  workload_.selectors = {{"k8s", "ns:" + pod.namespace_name},
                         {"k8s", "pod-name:" + pod.name},
                         {"k8s", "pod-uid:" + pod.uid},
                         {"k8s", "sa:" + pod.service_account}};
  std::sort(workload_.selectors.begin(), workload_.selectors.end());
  workload_.description =
      "pod " + pod.namespace_name + "/" + pod.name + " (" + pod.uid + ") by its own socket";
}

Result<attestor::AttestedWorkload> PodAttestor::Attest(const rpc::PeerProcess& process) {
  SIGNET_TRY(CheckCgroup(process));
  return workload_;
}

Status PodAttestor::CheckCgroup(const rpc::PeerProcess& process) const {
  if (!find_pod_uid_ || process.pid <= 0) {
    return {};  // a process of another pid namespace cannot be looked up
  }
  SIGNET_TRY_ASSIGN(const std::string uid, find_pod_uid_(process));
  if (uid != uid_ || !process.Alive()) {
    return PermissionDenied(
        "the calling process is not of the pod whose socket this is, by its cgroup");
  }
  return {};
}

}  // namespace signet::csi
