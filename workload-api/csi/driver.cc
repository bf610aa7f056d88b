#include "workload-api/csi/driver.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "core/base/files.h"
#include "core/base/worker_pool.h"
#include "workload-api/csi/mounts.h"
#include "workload-api/csi/pod_dirs.h"
#include "workload-api/csi/pod_doors.h"
#include "workload-api/csi/pod_sockets.h"
#include "workload-api/csi/pod_tokens.h"
#include "workload-api/csi/services.h"

namespace signet::csi {
namespace {

constexpr std::size_t kThreads = 1;  // calls wait for each other anyway
constexpr std::size_t kMaxQueued = 256;

/// The kubelet's limits lie above those of workloads, which cannot so use up its share.
rpc::Limits LimitsOfKubelet() {
  rpc::Limits limits{.max_message_bytes = 256 * 1024, .max_connections_per_peer = 64};
  limits.max_connections += limits.max_connections_per_peer;
  limits.max_buffered_bytes += 4 * 1024 * 1024;
  return limits;
}

class RealDriver final : public Driver {
 public:
  RealDriver(DriverOptions options, DriverWorld world, PodDirs dirs,
             std::unique_ptr<KubeletMounts> mounts)
      : options_(std::move(options)),
        world_(std::move(world)),
        dirs_(std::move(dirs)),
        mounts_(std::move(mounts)),
        tokens_(world_.clock),
        doors_(world_.server, world_.api, options_.find_pod_uid),
        sockets_({.dirs = dirs_,
                  .mounts = *mounts_,
                  .doors = doors_,
                  .tokens = tokens_,
                  .logger = world_.logger,
                  .on_change = world_.on_token}) {}

  ~RealDriver() override {
    for (const auto& listener : {registration_, csi_}) {
      if (listener) {
        world_.server.RemoveListener(
            *listener, rpc::RpcStatus{Code::kUnavailable, "the agent is shutting down"});
      }
    }
  }

  Status Open() {
    SIGNET_TRY(sockets_.Restore());
    rpc::MethodTable csi;
    AddCsi(csi, Info(),
           {.kubelet_dir = options_.kubelet_dir, .token_audience = options_.token_audience},
           {.pool = pool_, .sockets = sockets_, .logger = world_.logger});
    SIGNET_TRY_ASSIGN(csi_, Serve(options_.socket_path, std::move(csi)));
    // Last: the kubelet calls the driver as soon as it sees this socket.
    rpc::MethodTable registration;
    AddRegistration(registration, Info(), world_.logger);
    SIGNET_TRY_ASSIGN(registration_,
                      Serve(options_.registration_dir + "/" + options_.driver_name + "-reg.sock",
                            std::move(registration)));
    return {};
  }

  manager::PodFacts Find(const std::string& pod_uid) const override {
    return tokens_.Find(pod_uid);
  }
  std::size_t pods() const override { return sockets_.size(); }

 private:
  DriverInfo Info() const {
    return {.name = options_.driver_name,
            .version = options_.version,
            .node_name = options_.node_name,
            .endpoint = options_.socket_path};
  }

  Result<std::optional<rpc::ListenerId>> Serve(const std::string& path, rpc::MethodTable methods) {
    SIGNET_TRY_ASSIGN(const rpc::ListenerId id,
                      world_.server.AddListener({.unix_path = path,
                                                 .unix_mode = 0600,
                                                 .methods = std::move(methods),
                                                 .interceptor = RequireUser(options_.kubelet_uid),
                                                 .limits = LimitsOfKubelet(),
                                                 .account = "kubelet"}));
    return std::optional(id);
  }

  const DriverOptions options_;
  const DriverWorld world_;
  const PodDirs dirs_;
  const std::unique_ptr<KubeletMounts> mounts_;
  PodTokens tokens_;
  WorkloadDoors doors_;
  PodSockets sockets_;
  WorkerPool pool_{kThreads, kMaxQueued};  ///< ends first: its tasks use the rest
  std::optional<rpc::ListenerId> csi_;
  std::optional<rpc::ListenerId> registration_;
};

}  // namespace

Result<std::unique_ptr<Driver>> Driver::Start(DriverOptions options, DriverWorld world) {
  SIGNET_TRY_ASSIGN(PodDirs dirs, PodDirs::Open(options.pods_dir, options.kubelet_dir));
  SIGNET_TRY_ASSIGN(auto mounts, KubeletMounts::Open(options.kubelet_dir));
  const std::filesystem::path socket(options.socket_path);
  SIGNET_TRY(MakeDirectory(socket.parent_path().string(), 0750).Context("csi.socket_path"));
  auto driver = std::make_unique<RealDriver>(std::move(options), std::move(world), std::move(dirs),
                                             std::move(mounts));
  SIGNET_TRY(driver->Open());
  return std::unique_ptr<Driver>(std::move(driver));
}

}  // namespace signet::csi
