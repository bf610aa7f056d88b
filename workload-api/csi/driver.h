#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/rpc/server.h"
#include "workload-api/csi/pod_attestor.h"
#include "workload-api/manager/upstream.h"
#include "workload-api/rpc/workload_api.h"

namespace signet::csi {

struct DriverOptions {
  std::string driver_name;       ///< metadata.name of the CSIDriver object
  std::string socket_path;       ///< where the kubelet calls the driver
  std::string registration_dir;  ///< which the kubelet watches for plugins
  std::string pods_dir;          ///< sockets and records of pods
  std::string kubelet_dir = "/var/lib/kubelet";
  std::string node_name;
  std::string token_audience = {};  ///< of CSIDriver.spec.tokenRequests; empty: the only one
  FindPodUid find_pod_uid = {};     ///< also check callers' cgroups, where their pid is known
  std::string version = {};
  uid_t kubelet_uid = 0;
};

/// DriverWorld is what the driver works on. All of it must outlive the driver, and the server must
/// have a listener of its own. on_token is told the uid of a pod that has a new token; any thread.
struct DriverWorld {
  rpc::Server& server;
  agent_rpc::WorkloadApi& api;
  const Clock& clock;
  Logger& logger;
  std::function<void(const std::string& pod_uid)> on_token = [](const std::string&) {};
};

/// Driver is the agent as a node driver of the Container Storage Interface: a pod that asks for an
/// ephemeral volume gets a folder with a Workload API socket of its own. Sockets of pods that the
/// last agent served are open again when Start returns.
class Driver {
 public:
  static Result<std::unique_ptr<Driver>> Start(DriverOptions options, DriverWorld world);
  /// Takes the sockets away; volumes stay mounted for the next agent.
  virtual ~Driver() = default;

  /// Find tells what is known of a pod, with its token. Any thread.
  virtual manager::PodFacts Find(const std::string& pod_uid) const = 0;
  virtual std::size_t pods() const = 0;
};

}  // namespace signet::csi
