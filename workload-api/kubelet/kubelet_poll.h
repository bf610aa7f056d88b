#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "attestor/kubernetes/api.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "workload-api/kubelet/pod_feed.h"

namespace signet::kubelet {

/// KubeletPoll asks the kubelet for `GET /pods` when somebody wishes for it: one request at a time,
/// and an interval apart, however many wish. Step is to be run by one thread, which it blocks while
/// it asks; the rest is safe for several.
class KubeletPoll {
 public:
  /// Api, clock and logger must outlive it. `wake` is called when Step should run now.
  struct World {
    kubernetes::Api& api;
    const Clock& clock;
    Logger& logger;
    std::function<void()> wake;
  };
  KubeletPoll(World world, Duration interval, PodSink sink);

  bool IsAsOf(MonoTime time) const;
  void Refresh();
  std::string Problem() const;
  /// Step asks if that is due, and returns how long it may sleep.
  Duration Step();

 private:
  Status Ask();
  void Note(const Status& outcome, MonoTime began);

  const World world_;
  const Duration interval_;
  const PodSink sink_;

  mutable std::mutex mutex_;
  bool wished_ = false;
  std::optional<MonoTime> last_;   ///< when the last request began
  std::optional<MonoTime> as_of_;  ///< when the last good one began
  std::string problem_;
};

/// MakeKubeletFeed runs a KubeletPoll on a thread.
struct KubeletFeedOptions {
  std::unique_ptr<kubernetes::Api> api;
  Duration interval = std::chrono::milliseconds(500);
};
std::unique_ptr<PodFeed> MakeKubeletFeed(KubeletFeedOptions options, const Clock& clock,
                                         Logger& logger, PodSink sink);

}  // namespace signet::kubelet
