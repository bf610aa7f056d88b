#include "workload-api/cmd/csi_driver.h"

#include <utility>

#include "attestor/workload/k8s/cgroup.h"
#include "attestor/workload/proc_file.h"

namespace signet::agent_cmd {
namespace {

constexpr std::size_t kMaxCgroupFileBytes = 64 * 1024;

/// FindPodUidByCgroup: the pidfd is looked at after this, by whoever asked.
csi::FindPodUid FindPodUidByCgroup(attestor::CgroupRules rules) {
  return [rules = std::move(rules)](const rpc::PeerProcess& process) -> Result<std::string> {
    SIGNET_TRY_ASSIGN(const std::string text,
                      attestor::ReadProcFile("/proc/" + std::to_string(process.pid) + "/cgroup",
                                             kMaxCgroupFileBytes));
    SIGNET_TRY_ASSIGN(const auto place, attestor::LocatePod(text, rules));
    return place ? place->pod_uid : std::string();
  };
}

}  // namespace

Result<std::unique_ptr<csi::Driver>> StartCsi(const AgentConfig& config, std::string version,
                                              csi::DriverWorld world) {
  if (!config.csi) {
    return std::unique_ptr<csi::Driver>();
  }
  const CsiConfig& csi = *config.csi;
  csi::DriverOptions options{.driver_name = csi.driver_name,
                             .socket_path = csi.socket_path,
                             .registration_dir = csi.registration_dir,
                             .pods_dir = csi.pods_dir,
                             .kubelet_dir = csi.kubelet_dir,
                             .node_name = csi.node_name,
                             .token_audience = csi.token_audience,
                             .version = std::move(version)};
  if (csi.verify_cgroup) {
    const auto roots =
        config.k8s_attestor ? config.k8s_attestor->cgroup_roots : std::vector<std::string>();
    options.find_pod_uid = FindPodUidByCgroup({.roots = roots});
  }
  return csi::Driver::Start(std::move(options), std::move(world));
}

}  // namespace signet::agent_cmd
