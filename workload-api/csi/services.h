#pragma once

#include <sys/types.h>

#include <string>

#include "core/base/log.h"
#include "core/base/worker_pool.h"
#include "core/rpc/methods.h"
#include "workload-api/csi/pod_sockets.h"

namespace signet::csi {

/// DriverInfo is how the driver presents itself.
struct DriverInfo {
  std::string name;  ///< of the CSIDriver object
  std::string version;
  std::string node_name;
  std::string endpoint;  ///< path of the CSI socket, as the kubelet sees it
};

/// NodeWorld is what the CSI node service works with; all of it must outlive the server. Calls
/// block on the file system, so they run on the pool.
struct NodeWorld {
  WorkerPool& pool;
  PodSockets& sockets;
  Logger& logger;
};

/// AddCsi adds csi.v1.Identity and csi.v1.Node: what an ephemeral inline driver must answer.
void AddCsi(rpc::MethodTable& methods, const DriverInfo& info, const PublishRules& rules,
            const NodeWorld& world);
/// AddRegistration adds pluginregistration.Registration, by which the kubelet finds the driver.
void AddRegistration(rpc::MethodTable& methods, const DriverInfo& info, Logger& logger);

/// RequireUser refuses calls of processes of any other user: the kubelet is root.
rpc::Interceptor RequireUser(uid_t uid);

}  // namespace signet::csi
