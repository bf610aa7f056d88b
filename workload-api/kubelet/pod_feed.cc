#include "workload-api/kubelet/pod_feed.h"

#include <mutex>
#include <utility>

namespace signet::kubelet {
namespace {

class FedPods final : public attestor::PodFacts {
 public:
  explicit FedPods(const std::function<std::unique_ptr<PodFeed>(PodSink)>& make_feed) {
    index_.AddListener([this](const std::set<std::string>&) { Tell(); });
    feed_ = make_feed({index_, [this] { Tell(); }});
  }

  kubernetes::PodPtr Find(std::string_view uid) const override { return index_.Find(uid); }
  bool IsAsOf(MonoTime time) const override { return feed_->IsAsOf(time); }
  void Refresh() override { feed_->Refresh(); }
  std::string Problem() const override { return feed_->Problem(); }

  void SetListener(std::function<void()> listener) override {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
  }

 private:
  void Tell() {
    const std::lock_guard lock(mutex_);  // held during the call: SetListener waits for its end
    if (listener_ != nullptr) {
      listener_();
    }
  }

  kubernetes::PodIndex index_;
  std::mutex mutex_;
  std::function<void()> listener_;
  std::unique_ptr<PodFeed> feed_;  // last: ends before what it fills
};

}  // namespace

std::unique_ptr<attestor::PodFacts> MakePodFacts(
    const std::function<std::unique_ptr<PodFeed>(PodSink)>& make_feed) {
  return std::make_unique<FedPods>(make_feed);
}

}  // namespace signet::kubelet
