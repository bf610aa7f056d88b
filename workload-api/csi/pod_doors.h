#pragma once

#include <map>
#include <mutex>
#include <string>

#include "core/rpc/server.h"
#include "workload-api/csi/pod_attestor.h"
#include "workload-api/csi/pod_sockets.h"
#include "workload-api/rpc/workload_api.h"

namespace signet::csi {

/// WorkloadDoors adds a listener to a running server for each pod. What a pod's callers do counts
/// for the pod, whatever their user ids: many pods run as root.
class WorkloadDoors final : public PodDoors {
 public:
  WorkloadDoors(rpc::Server& server, agent_rpc::WorkloadApi& api, FindPodUid find_pod_uid)
      : server_(server), api_(api), find_pod_uid_(std::move(find_pod_uid)) {}

  Status Open(const CsiPod& pod, const std::string& socket_path) override;
  void Close(const std::string& pod_uid, const Error& why) override;

 private:
  rpc::Server& server_;
  agent_rpc::WorkloadApi& api_;
  const FindPodUid find_pod_uid_;
  std::mutex mutex_;
  std::map<std::string, rpc::ListenerId> listeners_;  ///< by pod uid
};

}  // namespace signet::csi
