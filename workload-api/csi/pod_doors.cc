#include "workload-api/csi/pod_doors.h"

#include <memory>

namespace signet::csi {
namespace {

constexpr mode_t kSocketMode = 0777;  // whoever sees it is of the pod

rpc::Limits LimitsOfAPod() {
  return {.max_connections_per_peer = 512,
          .new_connections_per_second_per_peer = 200,
          .max_calls_per_peer = 4096};
}

}  // namespace

Status WorkloadDoors::Open(const CsiPod& pod, const std::string& socket_path) {
  rpc::ListenerOptions listener{.unix_path = socket_path,
                                .unix_mode = kSocketMode,
                                .interceptor = agent_rpc::RequireSecurityHeader(),
                                .limits = LimitsOfAPod(),
                                .account = "pod:" + pod.uid};
  api_.AddTo(listener.methods, {.attestor = std::make_shared<PodAttestor>(pod, find_pod_uid_),
                                .account = listener.account});
  SIGNET_TRY_ASSIGN(const rpc::ListenerId id, server_.AddListener(std::move(listener)));
  const std::lock_guard lock(mutex_);
  listeners_[pod.uid] = id;
  return {};
}

void WorkloadDoors::Close(const std::string& pod_uid, const Error& why) {
  rpc::ListenerId id = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = listeners_.find(pod_uid);
    if (found == listeners_.end()) {
      return;
    }
    id = found->second;
    listeners_.erase(found);
  }
  server_.RemoveListener(id, rpc::RpcStatus{why.code, why.message});
}

}  // namespace signet::csi
