#include "ca/cmd/kubernetes_setup.h"

#include <utility>

#include "attestor/node/k8s_psat/k8s_psat.h"

namespace signet::ca_cmd {
namespace {

/// How long the thread that tells agents of pods sleeps if nothing wakes it.
constexpr Duration kIdle = std::chrono::hours(1);
/// Threads that may wait for clusters at the same time; each costs a few kilobytes.
constexpr std::size_t kPoolThreads = 16;
constexpr std::size_t kMaxQueuedCalls = 4096;

kubernetes::ClusterOptions OptionsOf(const ClusterConfig& config) {
  kubernetes::ClusterOptions options{
      .name = config.name,
      .rules = {.audience = config.audience, .max_age = config.max_token_age},
      .watch = !config.remote,
      .token_reuse = config.token_reuse,
      .pod_label_keys = config.allowed_pod_label_keys};
  options.keys = {.rules = options.rules, .issuer = config.issuer, .jwks_path = config.jwks_path};
  return options;
}

Result<std::unique_ptr<kubernetes::Api>> OpenApiOf(const std::string& kube_config_file,
                                                   const Clock& clock, Logger& logger) {
  SIGNET_TRY_ASSIGN(auto config, kubernetes::LoadApiConfig(kube_config_file));
  return kubernetes::OpenApi(std::move(config), clock, logger);
}

}  // namespace

Result<std::unique_ptr<KubernetesSetup>> KubernetesSetup::Open(const KubernetesConfig& config,
                                                               const Clock& clock, Logger& logger) {
  std::unique_ptr<KubernetesSetup> setup(new KubernetesSetup(clock, logger));
  for (const ClusterConfig& cluster : config.clusters) {
    SIGNET_TRY(setup->OpenCluster(cluster).Context("kubernetes cluster \"" + cluster.name + "\""));
  }
  if (setup->has_clusters()) {
    setup->pool_ = std::make_unique<WorkerPool>(kPoolThreads, kMaxQueuedCalls);
  }
  if (config.bundle_config_map) {
    SIGNET_TRY_ASSIGN(setup->publish_api_,
                      OpenApiOf(config.bundle_config_map->kube_config_file, clock, logger)
                          .Context("plugins.Notifier.k8sbundle"));
    setup->publish_ref_ = config.bundle_config_map->ref;
  }
  return setup;
}

Status KubernetesSetup::OpenCluster(const ClusterConfig& config) {
  SIGNET_TRY_ASSIGN(auto api, OpenApiOf(config.kube_config_file, clock_, logger_));
  clusters_.push_back(
      {config, kubernetes::NewCluster(OptionsOf(config), std::move(api), clock_, logger_)});
  return {};
}

std::unique_ptr<attestor::NodeVerifier> KubernetesSetup::Verifier(Duration half_life) const {
  if (clusters_.empty()) {
    return nullptr;
  }
  std::map<std::string, attestor::K8sPsatCluster> allowed;
  for (const Member& member : clusters_) {
    const ClusterConfig& config = member.config;
    allowed.emplace(
        config.name,
        attestor::K8sPsatCluster{.cluster = member.cluster.get(),
                                 .service_account_allow_list = config.service_account_allow_list,
                                 .allowed_node_label_keys = config.allowed_node_label_keys,
                                 .allowed_pod_label_keys = config.allowed_pod_label_keys,
                                 .use_pod_uid_for_agent_id = config.use_pod_uid_for_agent_id});
  }
  return std::make_unique<attestor::K8sPsatVerifier>(std::move(allowed), half_life, clock_);
}

void KubernetesSetup::Connect(service::Context& context, service::ChangeHub& hub) {
  std::map<std::string, service::PodCluster> with_identities;
  for (const Member& member : clusters_) {
    if (member.config.identities) {
      with_identities.emplace(member.config.name,
                              service::PodCluster{member.cluster.get(), *member.config.identities});
    }
  }
  if (!with_identities.empty()) {
    news_ = std::make_unique<service::PodNews>(hub, [this] { news_ticker_->Wake(); });
    for (const auto& [name, pods] : with_identities) {
      pods.cluster->AddPodListener(
          [this, name = name](const auto& nodes) { news_->OnPods(name, nodes); });
    }
    pods_ = std::make_unique<service::PodIdentities>(context, std::move(with_identities));
  }
  if (publish_api_) {
    const auto pem = [&context] {
      const service::BundlePtr own = context.registry.FindBundle(context.trust_domain);
      return own ? publish::PemOf(own->bundle) : std::string();
    };
    bundle_ = std::make_unique<publish::BundleConfigMap>(publish_ref_, std::move(publish_api_), pem,
                                                         logger_);
  }
}

void KubernetesSetup::ServePods(service::Context& context, const service::Svids& svids) {
  if (pods_) {
    pod_svids_ = std::make_unique<service::PodSvids>(context, *pods_, svids, *pool_);
  }
}

void KubernetesSetup::Start() {
  if (news_) {
    news_ticker_ = std::make_unique<Ticker>([this] {
      news_->Flush();
      return kIdle;
    });
  }
  for (const Member& member : clusters_) {
    member.cluster->Start();
  }
  if (bundle_) {
    bundle_->Start();
  }
}

void KubernetesSetup::OnBundle() {
  if (bundle_) {
    bundle_->Changed();
  }
}

void KubernetesSetup::Stop() {
  pool_.reset();
  bundle_.reset();
  for (const Member& member : clusters_) {
    member.cluster->Stop();
  }
  news_ticker_.reset();  // after the clusters, whose threads wake it
}

}  // namespace signet::ca_cmd
