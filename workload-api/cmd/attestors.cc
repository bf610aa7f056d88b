#include "workload-api/cmd/attestors.h"

#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "attestor/workload/combined.h"
#include "attestor/workload/k8s/cgroup_tree.h"
#include "attestor/workload/k8s/k8s_attestor.h"
#include "attestor/workload/unix/unix_attestor.h"
#include "core/base/ticker.h"
#include "workload-api/kubelet/api_server_feed.h"
#include "workload-api/kubelet/kubelet_poll.h"
#include "workload-api/kubelet/pods_watch.h"

namespace signet::agent_cmd {
namespace {

bool IsAlive(const rpc::PeerProcess& process) { return process.Alive(); }

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::unique_ptr<kubernetes::Api>> OpenKubelet(const K8sAttestorConfig& config,
                                                     const AgentWorld& world) {
  auto endpoint =
      std::make_shared<const kubernetes::ApiConfig>(kubelet::KubeletApiConfig(config.kubelet));
  return kubernetes::OpenApi(std::move(endpoint), world.clock, world.logger).Context("the kubelet");
}

Result<std::unique_ptr<kubernetes::Api>> OpenApiServer(const K8sAttestorConfig& config,
                                                       const AgentWorld& world) {
  SIGNET_TRY_ASSIGN(auto server, kubernetes::LoadApiConfig(
                                     config.kube_config_file,
                                     {.service_host = Environment("KUBERNETES_SERVICE_HOST"),
                                      .service_port = Environment("KUBERNETES_SERVICE_PORT")}));
  return kubernetes::OpenApi(std::move(server), world.clock, world.logger);
}

/// OpenFacts chooses where pods are learnt from.
Result<std::unique_ptr<attestor::PodFacts>> OpenFacts(const K8sAttestorConfig& config,
                                                      const AgentWorld& world) {
  if (config.source == PodSource::kPodsApi) {
    return kubelet::MakePodFacts([&](kubelet::PodSink sink) {
      return kubelet::MakePodsApiFeed(kubelet::OpenPodsClient(config.pods_api_socket), world.logger,
                                      std::move(sink));
    });
  }
  if (config.source == PodSource::kApiServer) {
    SIGNET_TRY_ASSIGN(auto api, OpenApiServer(config, world));
    return kubelet::MakePodFacts([&](kubelet::PodSink sink) {
      return kubelet::MakeApiServerFeed(
          {.api = std::move(api), .node_name = config.kubelet.node_name},
          {world.clock, world.random, world.logger}, std::move(sink));
    });
  }
  SIGNET_TRY_ASSIGN(auto api, OpenKubelet(config, world));
  return kubelet::MakePodFacts([&](kubelet::PodSink sink) {
    return kubelet::MakeKubeletFeed({.api = std::move(api), .interval = config.waits.poll_interval},
                                    world.clock, world.logger, std::move(sink));
  });
}

/// OpenCgroups: without such a tree the check is left out, which SPIRE never makes; the pidfd still
/// pins the process. A mount that was asked for must be there.
Result<std::shared_ptr<const attestor::CgroupTree>> OpenCgroups(const std::string& mount,
                                                                Logger& logger) {
  const std::vector<std::string> usual = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
  auto tree = attestor::CgroupTree::Open(mount.empty() ? usual : std::vector{mount});
  if (!tree.ok() && !mount.empty()) {
    return std::move(tree).error().Context("cgroup_mount " + mount);
  }
  if (!tree.ok()) {
    logger.Info("cgroups of workloads are not held against the kernel's word",
                {{"reason", tree.error()}});
    return std::shared_ptr<const attestor::CgroupTree>();
  }
  return std::make_shared<const attestor::CgroupTree>(std::move(*tree));
}

/// K8s is the k8s attestor with its facts and the thread that keeps its waits.
class K8s {
 public:
  K8s(const K8sAttestorConfig& config, const AgentWorld& world,
      std::shared_ptr<const attestor::CgroupTree> cgroups,
      std::unique_ptr<attestor::PodFacts> facts)
      : facts_(std::move(facts)),
        waits_(*facts_, config.waits, world.clock, [this] { Wake(); }),
        attestor_(OptionsOf(config, std::move(cgroups)),
                  {*facts_, waits_, world.clock, world.logger}) {
    const std::lock_guard lock(mutex_);
    ticker_ = std::make_unique<Ticker>([this] { return waits_.Step(); });
  }
  ~K8s() {
    std::unique_ptr<Ticker> ended;
    const std::lock_guard lock(mutex_);
    ended.swap(ticker_);
  }
  K8s(const K8s&) = delete;
  K8s& operator=(const K8s&) = delete;

  attestor::WorkloadAttestor& attestor() { return attestor_; }

 private:
  static attestor::K8sAttestorOptions OptionsOf(
      const K8sAttestorConfig& config, std::shared_ptr<const attestor::CgroupTree> cgroups) {
    attestor::K8sAttestorOptions options;
    options.cgroups.roots = config.cgroup_roots;
    options.container_selectors = config.container_selectors;
    options.allow_ephemeral_containers = config.allow_ephemeral_containers;
    options.log_cgroups = config.log_cgroups;
    options.alive = IsAlive;
    options.check_cgroup = [cgroups = std::move(cgroups)](const rpc::PeerProcess& process,
                                                          const std::string& path) {
      return cgroups == nullptr ? Status() : cgroups->Check(process.pidfd.get(), path);
    };
    return options;
  }

  void Wake() {
    const std::lock_guard lock(mutex_);
    if (ticker_ != nullptr) {
      ticker_->Wake();
    }
  }

  const std::unique_ptr<attestor::PodFacts> facts_;
  std::mutex mutex_;
  std::unique_ptr<Ticker> ticker_;
  attestor::PodWaits waits_;
  attestor::K8sAttestor attestor_;
};

class Attestors final : public WorkloadAttestors {
 public:
  explicit Attestors(const Clock& clock) : unix_({.alive = IsAlive}, names_, clock) {}

  Status Add(const K8sAttestorConfig& config, const AgentWorld& world) {
    SIGNET_TRY_ASSIGN(auto cgroups, OpenCgroups(config.cgroup_mount, world.logger));
    SIGNET_TRY_ASSIGN(auto facts, OpenFacts(config, world));
    k8s_.emplace(config, world, std::move(cgroups), std::move(facts));
    combined_.emplace(std::vector<attestor::WorkloadAttestor*>{&unix_, &k8s_->attestor()});
    return {};
  }

  attestor::WorkloadAttestor& shared_socket() override {
    if (combined_) {
      return *combined_;
    }
    return unix_;
  }

 private:
  attestor::SystemNames names_;
  attestor::UnixAttestor unix_;
  std::optional<K8s> k8s_;
  std::optional<attestor::CombinedAttestor> combined_;
};

}  // namespace

Result<std::unique_ptr<WorkloadAttestors>> StartWorkloadAttestors(const AgentConfig& config,
                                                                  const AgentWorld& world) {
  auto attestors = std::make_unique<Attestors>(world.clock);
  if (config.k8s_attestor) {
    SIGNET_TRY(attestors->Add(*config.k8s_attestor, world).Context("workload attestor k8s"));
  }
  return std::unique_ptr<WorkloadAttestors>(std::move(attestors));
}

}  // namespace signet::agent_cmd
