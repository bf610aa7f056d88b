#pragma once

#include <functional>
#include <string>
#include <vector>

#include "attestor/workload/attestor.h"
#include "workload-api/csi/pod.h"

namespace signet::csi {

/// FindPodUid tells which pod a process belongs to, from its cgroup; "" for none.
using FindPodUid = std::function<Result<std::string>(const rpc::PeerProcess&)>;

/// PodAttestor stands behind the socket of one pod: whoever reaches it belongs to that pod, since
/// nobody else has it in their file system. It gives the selectors k8s:ns, k8s:pod-name,
/// k8s:pod-uid and k8s:sa, and needs no pid, so it also works for sandboxes and without the host's
/// pid namespace.
class PodAttestor final : public attestor::WorkloadAttestor {
 public:
  /// With find_pod_uid a caller whose pid is known must also be in the pod's cgroup.
  explicit PodAttestor(const CsiPod& pod, FindPodUid find_pod_uid = {});

  Result<attestor::AttestedWorkload> Attest(const rpc::PeerProcess& process) override;

 private:
  Status CheckCgroup(const rpc::PeerProcess& process) const;

  const std::string uid_;
  const FindPodUid find_pod_uid_;
  attestor::AttestedWorkload workload_;
};

}  // namespace signet::csi
