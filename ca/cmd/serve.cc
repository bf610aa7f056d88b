#include "ca/cmd/serve.h"

#include <malloc.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "attestor/node/join_token/join_token.h"
#include "ca/cmd/data_dir.h"
#include "ca/cmd/kubernetes_setup.h"
#include "ca/issuance/authorities.h"
#include "ca/rpc/method_tables.h"
#include "ca/service/authority_records.h"
#include "ca/service/peer_trust.h"
#include "ca/store/sqlite_store.h"
#include "core/base/files.h"
#include "core/base/ticker.h"
#include "core/rpc/server.h"

namespace signet::ca_cmd {
namespace {

constexpr Duration kMaxConnectionAge = std::chrono::minutes(3);  // spire-api §2
constexpr Duration kDrainGrace = std::chrono::seconds(10);
constexpr Duration kSvidCheck = std::chrono::seconds(5);
constexpr Duration kHousekeeping = std::chrono::seconds(5);
constexpr int kHousekeepingRoundsPerPrune = 12;
constexpr std::size_t kMaxQueuedCalls = 4096;

std::vector<std::unique_ptr<attestor::NodeVerifier>> NodeVerifiers(
    std::unique_ptr<attestor::NodeVerifier> k8s_psat) {
  std::vector<std::unique_ptr<attestor::NodeVerifier>> verifiers;
  verifiers.push_back(std::make_unique<attestor::JoinTokenVerifier>());
  if (k8s_psat) {
    verifiers.push_back(std::move(k8s_psat));
  }
  return verifiers;
}

/// Host owns every part, in the order of what needs what.
class Host final : public RunningServer {
 public:
  Host(const ServerConfig& config, ServeDeps deps)
      : config_(config),
        deps_(deps),
        ttls_{config.default_x509_svid_ttl, config.agent_ttl == Duration::zero()
                                                ? config.default_x509_svid_ttl
                                                : config.agent_ttl} {}
  ~Host() override { Stop(); }

  Status Open();
  std::uint16_t tcp_port() const override { return tcp_port_; }
  void Stop() override;

 private:
  Status OpenState();
  Status OpenAuthorities();
  void OpenServices();
  Status Listen();
  void StopServing();
  void StartTickers();

  rpc::ListenerOptions TcpListener();
  rpc::ListenerOptions UnixListener();
  std::shared_ptr<const rpc::TlsIdentity> Identity() const;

  Duration RotateStep();
  Duration SvidStep();
  Duration HousekeepingStep();

  const ServerConfig config_;
  const ServeDeps deps_;
  const service::TtlPolicy ttls_;
  std::unique_ptr<KubernetesSetup> kubernetes_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<service::Registry> registry_;
  std::unique_ptr<service::Context> context_;
  std::unique_ptr<service::ChangeHub> hub_;
  std::unique_ptr<service::AuthorityRecords> records_;
  std::unique_ptr<issuance::KeyManager> keys_;
  std::unique_ptr<issuance::Authorities> authorities_;
  std::unique_ptr<service::CrossCertificates> cross_certificates_;
  std::unique_ptr<service::PeerTrust> trust_;
  std::unique_ptr<service::ServerSvid> svid_;
  std::unique_ptr<service::Authorizer> authorizer_;
  std::unique_ptr<service::Entries> entries_;
  std::unique_ptr<service::Agents> agents_;
  std::unique_ptr<service::NodeAttestation> attestation_;
  std::unique_ptr<service::Bundles> bundles_;
  std::unique_ptr<service::RateLimiter> limiter_;
  std::unique_ptr<ca_rpc::Callers> callers_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<service::Svids> svids_;
  std::unique_ptr<ca_rpc::Deferrals> deferrals_;
  std::unique_ptr<ca_rpc::Services> services_;
  std::unique_ptr<rpc::Server> server_;
  std::uint16_t tcp_port_ = 0;
  int rounds_until_prune_ = 0;  ///< housekeeping ticker alone
  std::unique_ptr<Ticker> svid_ticker_;
  std::unique_ptr<Ticker> rotation_ticker_;
  std::unique_ptr<Ticker> housekeeping_ticker_;
  std::atomic<bool> stopped_{false};
};

Status Host::Open() {
  SIGNET_TRY(OpenState());
  SIGNET_TRY(OpenAuthorities());
  OpenServices();
  kubernetes_->Start();
  SIGNET_TRY(Listen());
  StartTickers();
  deps_.logger.Info("server is ready", {{"trust_domain", config_.trust_domain.name()},
                                        {"port", tcp_port()},
                                        {"socket", config_.socket_path}});
  return {};
}

Status Host::OpenState() {
  SIGNET_TRY(PrepareDataDir(config_.data_dir));
  SIGNET_TRY_ASSIGN(kubernetes_,
                    KubernetesSetup::Open(config_.kubernetes, deps_.clock, deps_.logger));
  SIGNET_TRY_ASSIGN(store_, store::OpenSqliteStore(config_.data_dir + "/datastore.sqlite3"));
  SIGNET_TRY_ASSIGN(registry_,
                    service::Registry::Open(*store_, service::ServerId(config_.trust_domain)));
  context_ = std::make_unique<service::Context>(
      service::Context{config_.trust_domain, *registry_, deps_.clock, deps_.random, deps_.logger});
  hub_ = std::make_unique<service::ChangeHub>(
      *context_, static_cast<std::uint64_t>(UnixSeconds(deps_.clock.Now())) * 1000);
  kubernetes_->Connect(*context_, *hub_);
  records_ = std::make_unique<service::AuthorityRecords>(*context_, *hub_);
  trust_ = std::make_unique<service::PeerTrust>(*context_, config_.admin_ids);
  registry_->AddListener([this](const service::Applied& applied) {
    if (!applied.bundles.empty()) {
      trust_->Refresh();
      kubernetes_->OnBundle();
      if (cross_certificates_) {         // else the first authority is still being made
        cross_certificates_->Refresh();  // before the agents are told, who will ask for them
      }
    }
    hub_->OnApplied(applied);
  });
  deps_.logger.Info("state loaded", {{"revision", registry_->revision()}});
  return {};
}

Status Host::OpenAuthorities() {
  const store::Journal journal = records_->Journal();
  SIGNET_TRY_ASSIGN(keys_, OpenKeys(config_.key_manager, config_.data_dir));
  issuance::AuthorityConfig authority{
      .ca = {config_.trust_domain, config_.ca_subject, config_.ca_ttl},
      .key_type = config_.ca_key_type};
  SIGNET_TRY_ASSIGN(authorities_, issuance::Authorities::Start(std::move(authority), journal,
                                                               {.keys = *keys_,
                                                                .persistence = *records_,
                                                                .clock = deps_.clock,
                                                                .random = deps_.random,
                                                                .logger = deps_.logger}));
  const auto issuer = [this] { return authorities_->issuer(); };
  svid_ = std::make_unique<service::ServerSvid>(*context_, issuer, config_.ca_key_type,
                                                ttls_.x509_svid);
  SIGNET_TRY_ASSIGN([[maybe_unused]] const bool made, svid_->Step());
  return {};
}

void Host::OpenServices() {
  const auto issuer = [this] { return authorities_->issuer(); };
  pool_ = std::make_unique<WorkerPool>(std::max(2U, std::thread::hardware_concurrency()),
                                       kMaxQueuedCalls);
  authorizer_ = std::make_unique<service::Authorizer>(
      *context_,
      service::Authorizer::Options{
          .admin_ids = config_.admin_ids, .persist_promotion = [this](const spiffe::SpiffeId& id) {
            // If the pool is full the next write of the record persists it.
            static_cast<void>(pool_->Submit([this, id] {
              if (const Status saved = registry_->PersistPromotion(id); !saved.ok()) {
                deps_.logger.Error("renewed serial was not saved", {{"error", saved.error()}});
              }
            }));
          }});
  entries_ = std::make_unique<service::Entries>(*context_, kubernetes_->pods());
  agents_ = std::make_unique<service::Agents>(*context_);
  attestation_ = std::make_unique<service::NodeAttestation>(
      *context_, issuer, ttls_, NodeVerifiers(kubernetes_->Verifier(ttls_.agent / 2)));
  bundles_ = std::make_unique<service::Bundles>(*context_);
  cross_certificates_ = std::make_unique<service::CrossCertificates>(*context_, *hub_, issuer);
  limiter_ = std::make_unique<service::RateLimiter>(
      service::RateLimits{config_.ratelimit_attestation, config_.ratelimit_signing}, deps_.clock);
  callers_ = std::make_unique<ca_rpc::Callers>(*trust_, deps_.clock);
  svids_ = std::make_unique<service::Svids>(*context_, issuer, ttls_, *pool_, kubernetes_->pods());
  kubernetes_->ServePods(*context_, *svids_);
  deferrals_ = std::make_unique<ca_rpc::Deferrals>(*pool_, deps_.clock);
  services_ = std::make_unique<ca_rpc::Services>(ca_rpc::Services{
      *context_, *entries_, *agents_, *attestation_, *svids_, *bundles_, *hub_, *authorizer_,
      *limiter_, *svid_, *authorities_, *cross_certificates_, *callers_, *pool_,
      kubernetes_->PoolOr(*pool_), *deferrals_, deps_.clock.Mono(), kubernetes_->pod_svids()});
}

std::shared_ptr<const rpc::TlsIdentity> Host::Identity() const {
  const auto current = svid_->current();
  return std::make_shared<const rpc::TlsIdentity>(
      rpc::TlsIdentity{current->chain, current->key.Clone()});
}

rpc::ListenerOptions Host::TcpListener() {
  rpc::ListenerOptions tcp;
  tcp.tcp_address = config_.bind_address;
  tcp.tcp_port = config_.bind_port;
  tcp.tls.identity = [this] { return Identity(); };
  tcp.tls.verify_client = [this](const std::vector<Bytes>& chain) -> Status {
    SIGNET_TRY(trust_->Verify(chain));
    return {};
  };
  tcp.methods = ca_rpc::TcpMethods(*services_);
  tcp.interceptor = ca_rpc::Guard(*services_);
  tcp.limits.max_connection_age = kMaxConnectionAge;
  return tcp;
}

rpc::ListenerOptions Host::UnixListener() {
  rpc::ListenerOptions unix_socket;
  unix_socket.unix_path = config_.socket_path;
  unix_socket.methods = ca_rpc::UnixMethods(*services_);
  unix_socket.interceptor = ca_rpc::Guard(*services_);
  return unix_socket;
}

Status Host::Listen() {
  rpc::ServerOptions options;
  options.clock = &deps_.clock;
  options.logger = &deps_.logger;
  options.listeners.push_back(TcpListener());
  options.listeners.push_back(UnixListener());
  const std::size_t slash = config_.socket_path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    SIGNET_TRY(MakeDirectory(config_.socket_path.substr(0, slash), 0750));
  }
  SIGNET_TRY_ASSIGN(server_, rpc::Server::Start(std::move(options)));
  tcp_port_ = server_->tcp_port(0);
  return {};
}

void Host::StartTickers() {
  svid_ticker_ = std::make_unique<Ticker>([this] { return SvidStep(); });
  authorities_->set_on_activated([this] {
    svid_ticker_->Wake();
    cross_certificates_->RefreshAndTell();
  });
  rotation_ticker_ = std::make_unique<Ticker>([this] { return RotateStep(); });
  housekeeping_ticker_ = std::make_unique<Ticker>([this] { return HousekeepingStep(); });
}

Duration Host::RotateStep() {
  const Result<bool> changed = authorities_->Step();
  if (!changed.ok()) {
    deps_.logger.Error("authority rotation failed; it is tried again",
                       {{"error", changed.error()}});
  }
  return changed.ok() && *changed ? Duration::zero() : authorities_->StepInterval();
}

Duration Host::SvidStep() {
  if (const Result<bool> renewed = svid_->Step(); !renewed.ok()) {
    deps_.logger.Error("server SVID was not renewed; it is tried again",
                       {{"error", renewed.error()}});
  }
  return std::min(kSvidCheck, ttls_.x509_svid / 10);
}

Duration Host::HousekeepingStep() {
  hub_->EndExpired();
  if (rounds_until_prune_-- > 0) {
    return kHousekeeping;
  }
  rounds_until_prune_ = kHousekeepingRoundsPerPrune;
  callers_->Prune();
  limiter_->Prune();
  cross_certificates_->RefreshAndTell();  // foreign roots expire
  const Result<std::size_t> entries = entries_->PruneExpired();
  const Result<std::size_t> tokens = agents_->PruneTokens();
  for (const auto* pruned : {&entries, &tokens}) {
    if (!pruned->ok()) {
      deps_.logger.Error("pruning failed; it is tried again", {{"error", pruned->error()}});
    }
  }
  if (entries.ok() && *entries > 0) {
    deps_.logger.Info("expired entries deleted", {{"count", *entries}});
  }
  return kHousekeeping;
}

void Host::Stop() {
  if (stopped_.exchange(true)) {
    return;
  }
  housekeeping_ticker_.reset();
  rotation_ticker_.reset();
  svid_ticker_.reset();
  if (server_) {  // else it never started
    StopServing();
  }
  if (kubernetes_) {
    kubernetes_->Stop();
  }
}

void Host::StopServing() {
  hub_->EndAll();
  // After the drain no event loop asks for anything; what still waits or runs on the pool holds
  // calls of the server, so it ends first.
  server_->Drain(kDrainGrace);
  deferrals_.reset();
  pool_.reset();
  kubernetes_->EndPool();  // after the pool, which hands work on to it
  server_.reset();
  deps_.logger.Info("server has stopped");
}

}  // namespace

Result<std::unique_ptr<RunningServer>> RunningServer::Start(const ServerConfig& config,
                                                            ServeDeps deps) {
  auto host = std::make_unique<Host>(config, deps);
  SIGNET_TRY(host->Open());
  return std::unique_ptr<RunningServer>(std::move(host));
}

Status Serve(const ServerConfig& config, ServeDeps deps,
             const std::function<void(const RunningServer&)>& ready,
             const std::function<void()>& wait_for_stop) {
  umask(077);  // nothing that this process makes is for others; the socket sets its own mode
  // Each thread's own arena would keep memory that others could use: two are enough for two cores.
  mallopt(M_ARENA_MAX, 2);
  SIGNET_TRY_ASSIGN(const auto server, RunningServer::Start(config, deps));
  if (ready) {
    ready(*server);
  }
  wait_for_stop();
  server->Stop();
  return {};
}

}  // namespace signet::ca_cmd
