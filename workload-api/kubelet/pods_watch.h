#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "workload-api/kubelet/pod_feed.h"
#include "workload-api/kubelet/pods_client.h"

namespace signet::kubelet {

/// PodsWatch keeps an index by the kubelet's Pods API:
///
///   watch ─► pods of the first picture are gathered ─► synced: they replace the index ─► changes
///     ▲                                                                                    │
///     └───────────────── back off (half a second to half a minute) ◄── the stream ends ────┘
///
/// While there is no stream the index stays as it was. Step is to be run by one thread, which it
/// blocks as long as the stream lives; the rest is safe for several.
class PodsWatch {
 public:
  PodsWatch(std::unique_ptr<PodsClient> client, Logger& logger, PodSink sink);

  bool IsLive() const;
  std::string Problem() const;
  /// Step watches until the stream ends, and returns how long to wait before the next one.
  Duration Step();
  /// Stop lets the running Step return, and every later one at once.
  void Stop();

 private:
  void Take(const PodEvent& event);
  void Set(std::string_view bytes);
  void Remove(std::string_view bytes);
  void Note(const Status& end);

  const std::unique_ptr<PodsClient> client_;
  Logger& logger_;
  const PodSink sink_;
  std::vector<kubernetes::Pod> first_;  ///< gathered until the picture is whole
  Duration backoff_;

  mutable std::mutex mutex_;
  bool live_ = false;
  std::string problem_ = "the kubelet's Pods API has not answered yet";
};

/// MakePodsApiFeed runs a PodsWatch on a thread.
std::unique_ptr<PodFeed> MakePodsApiFeed(std::unique_ptr<PodsClient> client, Logger& logger,
                                         PodSink sink);

}  // namespace signet::kubelet
