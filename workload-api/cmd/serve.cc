#include "workload-api/cmd/serve.h"

#include <malloc.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <utility>

#include "attestor/node/join_token/join_token.h"
#include "attestor/node/k8s_psat/k8s_psat.h"
#include "core/base/files.h"
#include "core/base/ticker.h"
#include "core/crypto/bundle_codec.h"
#include "core/rpc/health.h"
#include "core/rpc/reflection.h"
#include "core/rpc/server.h"
#include "workload-api/authorizer/authorizer.h"
#include "workload-api/cmd/agent_delivery.h"
#include "workload-api/cmd/attestors.h"
#include "workload-api/cmd/csi_driver.h"
#include "workload-api/manager/manager.h"
#include "workload-api/rpc/workload_api.h"
#include "workload-api/sds/service.h"
#include "workload-api/upstream/grpc_upstream.h"

namespace signet::agent_cmd {
namespace {

constexpr std::size_t kMaxBundleFileBytes = 1024 * 1024;
constexpr std::size_t kMaxTokenFileBytes = 1024;
constexpr mode_t kSocketMode = 0777;  // every workload may ask; who it is decides what it gets
constexpr char kVersion[] = "signet 0.1.0";

Result<spiffe::Bundle> ReadTrustBundle(const AgentConfig& config) {
  SIGNET_TRY_ASSIGN(const Bytes file, ReadFile(config.trust_bundle_path, kMaxBundleFileBytes));
  auto bundle = config.trust_bundle_format == BundleFormat::kPem
                    ? crypto::ParseBundlePem(config.trust_domain, AsText(file))
                    : crypto::ParseBundleJson(config.trust_domain, AsText(file));
  return std::move(bundle).Context(config.trust_bundle_path);
}

Result<std::unique_ptr<attestor::NodeProver>> MakeProver(const AgentConfig& config) {
  if (config.k8s_psat) {
    return std::unique_ptr<attestor::NodeProver>(std::make_unique<attestor::K8sPsatProver>(
        config.k8s_psat->cluster, config.k8s_psat->token_path));
  }
  Secret token = config.join_token.Clone();
  if (token.empty() && !config.join_token_file.empty()) {
    SIGNET_TRY_ASSIGN(Bytes file, ReadSecretFile(config.join_token_file, kMaxTokenFileBytes));
    while (!file.empty() && (file.back() == '\n' || file.back() == '\r' || file.back() == ' ')) {
      file.pop_back();
    }
    token = Secret(std::move(file));
  }
  if (token.empty()) {
    return FailedPrecondition(
        "the agent has no identity and no join token; generate one with 'signet-server token "
        "generate' and start the "
        "agent with -joinToken, or in Kubernetes configure plugins.NodeAttestor.k8s_psat");
  }
  SIGNET_TRY_ASSIGN(auto prover, attestor::JoinTokenProver::Create(std::move(token)));
  return std::unique_ptr<attestor::NodeProver>(std::move(prover));
}

/// The folder of a socket must let those through who connect, unlike the data directory.
Status MakeSocketFolder(const std::string& socket_path, const char* whose) {
  const std::string folder = std::filesystem::path(socket_path).parent_path().string();
  return MakeDirectory(folder, 0755).Context("folder of the " + std::string(whose) + " socket");
}

class Agent final : public RunningAgent {
 public:
  Agent(AgentConfig config, const AgentWorld& world, manager::StateDir state)
      : targets_(std::move(config.delivery)),
        config_(std::move(config)),
        world_(world),
        state_(std::move(state)) {}

  ~Agent() override {
    if (upstream_ != nullptr) {
      upstream_->Stop();
    }
    wake_->Set(nullptr);
    ticker_.reset();
    authorizer_.reset();
    csi_.reset();
    server_.reset();
    delivery_.reset();
    sds_.reset();
    api_.reset();
  }

  Status Open() {
    SIGNET_TRY_ASSIGN(upstream_,
                      upstream::MakeGrpcUpstream({.trust_domain = config_.trust_domain,
                                                  .server_address = config_.server_address,
                                                  .server_port = config_.server_port},
                                                 world_.clock, world_.logger));
    SIGNET_TRY_ASSIGN(manager_, manager::Manager::Create(ManagerSetup(), Environment(), hub_));
    SIGNET_TRY_ASSIGN(
        delivery_, AgentDelivery::Start(std::move(targets_), hub_, {world_.clock, world_.logger}));
    SIGNET_TRY(Listen());
    SIGNET_TRY(ServePods());
    SIGNET_TRY(ServeProxies());
    ticker_ = std::make_unique<Ticker>([this] { return manager_->Step(); });
    wake_->Set(ticker_.get());
    return {};
  }

  bool Ready() const override { return manager_->synced(); }

  Status Wait() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return end_.has_value(); });
    return *end_;
  }

  void Stop() override { End({}); }

 private:
  /// Waker lets other threads wake the ticker, which is made last and ended first.
  class Waker {
   public:
    void Set(Ticker* ticker) {
      const std::lock_guard lock(mutex_);
      ticker_ = ticker;
    }
    void Wake() {
      const std::lock_guard lock(mutex_);
      if (ticker_ != nullptr) {
        ticker_->Wake();
      }
    }

   private:
    std::mutex mutex_;
    Ticker* ticker_ = nullptr;
  };

  manager::Environment Environment() {
    return {*upstream_, state_, world_.clock, world_.random, world_.logger};
  }

  manager::ManagerOptions ManagerSetup() {
    manager::ManagerOptions options{.trust_domain = config_.trust_domain,
                                    .workload_key_type = config_.workload_x509_svid_key_type,
                                    .sync_interval = config_.sync_interval,
                                    .version = kVersion};
    if (!config_.insecure_bootstrap) {
      options.first_trust = [this] { return ReadTrustBundle(config_); };
    }
    options.make_prover = [this] { return MakeProver(config_); };
    options.pod_facts = [this](const std::string& pod_uid) {
      return csi_ == nullptr ? manager::PodFacts{} : csi_->Find(pod_uid);
    };
    options.wake = [wake = wake_] { wake->Wake(); };
    options.end = [this](const Error& error) { End(error); };
    return options;
  }

  Status Listen() {
    SIGNET_TRY(MakeSocketFolder(config_.socket_path, "Workload API"));
    SIGNET_TRY_ASSIGN(attestors_, StartWorkloadAttestors(config_, world_));
    api_ =
        std::make_unique<agent_rpc::WorkloadApi>(hub_, attestors_->shared_socket(), world_.logger);
    rpc::ListenerOptions listener{.unix_path = config_.socket_path,
                                  .unix_mode = kSocketMode,
                                  .interceptor = agent_rpc::RequireSecurityHeader()};
    ServeSecrets(listener.methods);
    api_->AddTo(listener.methods);
    rpc::AddReflection(listener.methods, {"SpiffeWorkloadAPI"});
    rpc::ServerOptions options{.loops = 1, .clock = &world_.clock, .logger = &world_.logger};
    options.listeners.push_back(std::move(listener));
    SIGNET_TRY_ASSIGN(server_, rpc::Server::Start(std::move(options)));
    return {};
  }

  /// A client that refuses its secrets is no reason to restart the agent: the service alone is told
  /// to be unwell.
  void ServeSecrets(rpc::MethodTable& methods) {
    std::map<std::string, std::function<bool()>> services;
    if (!config_.disable_sds_api) {
      sds_ = std::make_unique<sds::SecretDiscovery>(
          *api_, config_.sds, sds::SecretDiscovery::World{world_.clock, world_.random});
      api_->Beside([this](rpc::MethodTable& table, const auto& door) { sds_->AddTo(table, door); });
      sds_->AddListTo(methods);
      services[sds::SecretDiscovery::kService] = [this] { return sds_->refusals() == 0; };
    }
    if (delivery_ != nullptr) {
      services[AgentDelivery::kService] = [this] { return delivery_->Ready(); };
    }
    rpc::AddHealth(
        methods, [this] { return Ready(); }, std::move(services));
  }

  /// ServePods opens sockets of pods' own, if that is on.
  Status ServePods() {
    SIGNET_TRY_ASSIGN(csi_, StartCsi(config_, kVersion,
                                     {.server = *server_,
                                      .api = *api_,
                                      .clock = world_.clock,
                                      .logger = world_.logger,
                                      .on_token = [this](const std::string& pod_uid) {
                                        manager_->PodChanged(pod_uid);
                                      }}));
    return {};
  }

  /// ServeProxies opens the authorizer's socket, if that is on.
  Status ServeProxies() {
    if (!config_.authorizer) {
      return {};
    }
    auto started =
        authorizer::Authorizer::Start(*config_.authorizer, {hub_, world_.clock, world_.logger});
    SIGNET_TRY_ASSIGN(authorizer_, std::move(started).Context("agent.authorizer"));
    return {};
  }

  void End(Status end) {
    const std::lock_guard lock(mutex_);
    if (!end_) {
      end_ = std::move(end);
      changed_.notify_all();
    }
  }

  std::vector<DeliveryTarget> targets_;  // until they run
  const AgentConfig config_;
  const AgentWorld world_;
  const manager::StateDir state_;
  const std::shared_ptr<Waker> wake_ = std::make_shared<Waker>();
  svids::Hub hub_{"the agent is starting"};
  std::unique_ptr<AgentDelivery> delivery_;
  std::unique_ptr<WorkloadAttestors> attestors_;
  std::unique_ptr<upstream::StoppableUpstream> upstream_;
  std::unique_ptr<manager::Manager> manager_;
  std::unique_ptr<agent_rpc::WorkloadApi> api_;
  std::unique_ptr<sds::SecretDiscovery> sds_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<csi::Driver> csi_;
  std::unique_ptr<authorizer::Authorizer> authorizer_;
  std::unique_ptr<Ticker> ticker_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Status> end_;
};

Status CheckTrust(const AgentConfig& config, const manager::StateDir& state, Logger& logger) {
  if (config.insecure_bootstrap) {
    logger.Warn(
        "insecure_bootstrap is on: at first contact the agent believes whoever answers as the "
        "server",
        {});
    return {};
  }
  SIGNET_TRY_ASSIGN(const std::optional<spiffe::Bundle> stored, state.LoadBundle());
  if (!stored && config.trust_bundle_path.empty()) {
    return InvalidArgument(
        "the agent has no trust bundle yet: set trust_bundle_path to a file that 'signet-server "
        "bundle show' has "
        "written, or, for a trial, insecure_bootstrap");
  }
  return {};
}

/// Each arena of the allocator keeps what it once had; an agent with few busy threads needs no more
/// than two.
void BoundAllocator() { (void)::mallopt(M_ARENA_MAX, 2); }

}  // namespace

Result<std::unique_ptr<RunningAgent>> RunningAgent::Start(AgentConfig config,
                                                          const AgentWorld& world) {
  BoundAllocator();
  SIGNET_TRY_ASSIGN(manager::StateDir state,
                    manager::StateDir::Open(config.data_dir, config.trust_domain));
  SIGNET_TRY(CheckTrust(config, state, world.logger));
  auto agent = std::make_unique<Agent>(std::move(config), world, std::move(state));
  SIGNET_TRY(agent->Open());
  return std::unique_ptr<RunningAgent>(std::move(agent));
}

}  // namespace signet::agent_cmd
