#include "attestor/kubernetes/cluster.h"

#include <mutex>
#include <utility>

#include "attestor/kubernetes/feed.h"
#include "attestor/kubernetes/names.h"
#include "attestor/kubernetes/object_codec.h"
#include "attestor/kubernetes/pod_index.h"
#include "attestor/kubernetes/watcher.h"
#include "core/base/random.h"

namespace signet::kubernetes {
namespace {

std::unique_ptr<TokenVerifier> NewVerifier(const ClusterOptions& options, Api& api,
                                           const Clock& clock, Logger& logger) {
  if (options.watch) {
    return NewReviewVerifier(api, options.rules, clock, logger);
  }
  KeySetOptions keys = options.keys;
  keys.rules = options.rules;
  return NewKeySetVerifier(api, std::move(keys), clock, logger);
}

class ApiCluster final : public Cluster {
 public:
  ApiCluster(ClusterOptions options, std::unique_ptr<Api> api, const Clock& clock, Logger& logger)
      : options_(std::move(options)),
        api_(std::move(api)),
        clock_(clock),
        logger_(logger),
        uses_(options_.token_reuse, clock),
        verifier_(NewVerifier(options_, *api_, clock, logger)) {}
  ~ApiCluster() override { Stop(); }

  const std::string& name() const override { return options_.name; }
  bool watched() const override { return options_.watch; }

  Result<ServiceAccountToken> VerifyToken(std::string_view token) override {
    return verifier_->Verify(token);
  }
  TokenUses& token_uses() override { return uses_; }

  Result<PodPtr> FindPod(const PodRef& ref) override {
    SIGNET_TRY(CheckWatched());
    if (PodPtr pod = pods_.Find(ref.uid); pod != nullptr) {
      return pod;
    }
    if (!IsDnsLabel(ref.namespace_name) || !IsDnsSubdomain(ref.name)) {
      return NotFound("there is no such pod in cluster " + options_.name);
    }
    // What is read here is not put into the index: the watch may be ahead of it, and would not
    // tell again of a pod that is gone.
    SIGNET_TRY_ASSIGN(
        const std::string body,
        Get("pod " + ref.namespace_name + "/" + ref.name,
            "/api/v1/namespaces/" + ref.namespace_name + "/pods/" + ref.name, "application/json"));
    SIGNET_TRY_ASSIGN(Pod pod, Understood(ParsePod(body, PodDetail::kIdentity)));
    if (pod.uid != ref.uid) {
      return NotFound("pod " + ref.namespace_name + "/" + ref.name +
                      " has another uid: it was made anew");
    }
    std::erase_if(pod.labels, [this](const auto& label) {
      return !options_.pod_label_keys.contains(label.first);
    });
    return std::make_shared<const Pod>(std::move(pod));
  }

  Result<NodePtr> FindNode(std::string_view name) override {
    SIGNET_TRY(CheckWatched());
    if (NodePtr node = nodes_.Find(name); node != nullptr) {
      return node;
    }
    if (!IsDnsSubdomain(name)) {
      return NotFound("there is no such node in cluster " + options_.name);
    }
    SIGNET_TRY_ASSIGN(
        const std::string body,
        Get("node " + std::string(name), "/api/v1/nodes/" + std::string(name), kMetadataAccept));
    SIGNET_TRY_ASSIGN(Node node, Understood(ParseNode(body)));
    return std::make_shared<const Node>(std::move(node));
  }

  PodPtr KnownPod(std::string_view uid) const override { return pods_.Find(uid); }
  std::vector<PodPtr> PodsOnNode(std::string_view node) const override {
    return pods_.OnNode(node);
  }
  NodePtr KnownNode(std::string_view name) const override { return nodes_.Find(name); }
  void AddPodListener(std::function<void(const std::set<std::string>&)> listener) override {
    pods_.AddListener(std::move(listener));
  }

  void Start() override {
    if (!options_.watch) {
      return;
    }
    const WatchSetup setup{*api_, clock_, random_, logger_, options_.name};
    const std::lock_guard lock(mutex_);
    node_watch_ = StartNodeWatch(setup, nodes_);
    pod_watch_ = StartPodWatch(setup, {.label_keys = options_.pod_label_keys}, pods_);
  }

  void Stop() override {
    std::unique_ptr<Watch> pods;
    std::unique_ptr<Watch> nodes;
    const std::lock_guard lock(mutex_);
    pods = std::move(pod_watch_);
    nodes = std::move(node_watch_);
  }

  ClusterHealth health() const override {
    const std::lock_guard lock(mutex_);
    if (!options_.watch) {
      return {.synced = true};
    }
    if (pod_watch_ == nullptr) {
      return {.problem = "not started"};
    }
    const WatchHealth pods = pod_watch_->health();
    const WatchHealth nodes = node_watch_->health();
    return {.synced = pods.synced && nodes.synced,
            .watching = pods.watching && nodes.watching,
            .problem = pods.problem.empty() ? nodes.problem : pods.problem,
            .pods = pods_.size(),
            .nodes = nodes_.size()};
  }

 private:
  Status CheckWatched() const {
    if (!options_.watch) {
      return FailedPrecondition("cluster " + options_.name +
                                " is not watched: only tokens tell of its pods");
    }
    return {};
  }

  Result<std::string> Get(const std::string& what, std::string path, std::string accept) {
    SIGNET_TRY_ASSIGN(ApiResponse response,
                      api_->Do({.path = std::move(path), .accept = std::move(accept)}));
    if (response.status == 404) {
      return NotFound("there is no " + what + " in cluster " + options_.name);
    }
    if (response.status != 200) {
      // 401 and 403 judge our credential, not the one that is being looked at.
      return Error{Code::kUnavailable, ExplainStatus("get " + what, response).message};
    }
    return std::move(response.body);
  }

  /// Understood: an odd answer of the API server is no fault of whoever asked.
  template <class T>
  static Result<T> Understood(Result<T> parsed) {
    if (!parsed.ok()) {
      return Unavailable("the API server's answer is not understood: " + parsed.error().message);
    }
    return parsed;
  }

  const ClusterOptions options_;
  const std::unique_ptr<Api> api_;
  const Clock& clock_;
  Logger& logger_;
  SystemRandom random_;
  TokenUses uses_;
  const std::unique_ptr<TokenVerifier> verifier_;
  PodIndex pods_;
  NodeIndex nodes_;
  mutable std::mutex mutex_;  ///< of the two below
  std::unique_ptr<Watch> pod_watch_;
  std::unique_ptr<Watch> node_watch_;
};

}  // namespace

std::unique_ptr<Cluster> NewCluster(ClusterOptions options, std::unique_ptr<Api> api,
                                    const Clock& clock, Logger& logger) {
  return std::make_unique<ApiCluster>(std::move(options), std::move(api), clock, logger);
}

}  // namespace signet::kubernetes
