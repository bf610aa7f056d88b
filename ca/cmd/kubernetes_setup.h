#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "attestor/kubernetes/cluster.h"
#include "attestor/node/verifier.h"
#include "ca/cmd/kubernetes_config.h"
#include "ca/publish/bundle_config_map.h"
#include "ca/service/pod_identities.h"
#include "ca/service/pod_news.h"
#include "ca/service/pod_svids.h"
#include "core/base/ticker.h"
#include "core/base/worker_pool.h"

namespace signet::ca_cmd {

/// KubernetesSetup owns what the configuration says of Kubernetes: the clusters, the derived
/// identities of their pods, the push to agents, and the published bundle. Without any
/// configuration it is empty and costs nothing.
///
///     Open → Connect → ServePods → Start → … → EndPool → Stop
class KubernetesSetup {
 public:
  /// Open reads kubeconfigs; it does not wait for any API server. Clock and logger must outlive it.
  static Result<std::unique_ptr<KubernetesSetup>> Open(const KubernetesConfig& config,
                                                       const Clock& clock, Logger& logger);

  bool has_clusters() const { return !clusters_.empty(); }
  /// Verifier attests nodes by k8s_psat; null without clusters. half_life is half the life of an
  /// agent's SVID.
  std::unique_ptr<attestor::NodeVerifier> Verifier(Duration half_life) const;

  /// Connect makes the identities of pods; hub and context must outlive the setup's Stop.
  void Connect(service::Context& context, service::ChangeHub& hub);
  /// pods is null if no cluster gives identities.
  const service::PodIdentities* pods() const { return pods_.get(); }

  /// PoolOr gives the pool for what asks clusters; without clusters the other one.
  WorkerPool& PoolOr(WorkerPool& other) { return pool_ ? *pool_ : other; }
  /// ServePods makes pod_svids, which stays null if no cluster gives identities.
  void ServePods(service::Context& context, const service::Svids& svids);
  service::PodSvids* pod_svids() { return pod_svids_.get(); }

  /// Start begins to watch and to publish, on threads of its own. Before the registry is written to
  /// by other threads.
  void Start();
  /// OnBundle: the own bundle has changed.
  void OnBundle();
  /// EndPool runs what is queued, then ends the pool's threads.
  void EndPool() { pool_.reset(); }
  /// Stop ends every thread; nothing may write to the registry any more. Idempotent.
  void Stop();

 private:
  struct Member {
    ClusterConfig config;
    std::unique_ptr<kubernetes::Cluster> cluster;
  };
  KubernetesSetup(const Clock& clock, Logger& logger) : clock_(clock), logger_(logger) {}
  Status OpenCluster(const ClusterConfig& config);

  const Clock& clock_;
  Logger& logger_;
  std::vector<Member> clusters_;
  std::unique_ptr<kubernetes::Api> publish_api_;
  publish::ConfigMapRef publish_ref_;
  std::unique_ptr<service::PodIdentities> pods_;
  std::unique_ptr<service::PodNews> news_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<service::PodSvids> pod_svids_;
  std::unique_ptr<publish::BundleConfigMap> bundle_;
  std::unique_ptr<Ticker> news_ticker_;
};

}  // namespace signet::ca_cmd
