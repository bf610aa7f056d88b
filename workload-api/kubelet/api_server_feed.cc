#include "workload-api/kubelet/api_server_feed.h"

#include <utility>

#include "attestor/kubernetes/watcher.h"

namespace signet::kubelet {
namespace {

class ApiServerFeed final : public PodFeed {
 public:
  ApiServerFeed(ApiServerFeedOptions options, const ApiServerWorld& world, const PodSink& sink)
      : api_(std::move(options.api)),
        watch_(kubernetes::StartPodWatch({.api = *api_,
                                          .clock = world.clock,
                                          .random = world.random,
                                          .logger = world.logger,
                                          .cluster = "of this node"},
                                         {.field_selector = "spec.nodeName=" + options.node_name,
                                          .detail = kubernetes::PodDetail::kFull},
                                         sink.index)) {}

  bool IsAsOf(MonoTime) const override {
    const kubernetes::WatchHealth health = watch_->health();
    return health.synced && health.watching;
  }
  void Refresh() override {}
  std::string Problem() const override { return watch_->health().problem; }

 private:
  const std::unique_ptr<kubernetes::Api> api_;
  const std::unique_ptr<kubernetes::Watch> watch_;
};

}  // namespace

std::unique_ptr<PodFeed> MakeApiServerFeed(ApiServerFeedOptions options,
                                           const ApiServerWorld& world, PodSink sink) {
  return std::make_unique<ApiServerFeed>(std::move(options), world, sink);
}

}  // namespace signet::kubelet
