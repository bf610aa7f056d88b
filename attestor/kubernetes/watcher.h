#pragma once

#include <memory>
#include <set>
#include <string>

#include "attestor/kubernetes/api.h"
#include "attestor/kubernetes/objects.h"
#include "attestor/kubernetes/pod_index.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/random.h"

namespace signet::kubernetes {

/// WatchHealth for logs and health pages.
struct WatchHealth {
  bool synced = false;       ///< the first list has arrived
  bool watching = false;     ///< the stream is open at this moment
  std::string problem = {};  ///< why not; names what to do (a missing right …)
};

/// Watch keeps an index as the API server sees it, on a thread of its own (kubernetes.md §6):
///
///   list (pages) ──► index := list ──► watch from its version ──► events change the index
///        ▲                                │ ends normally: watch again from the last version
///        └── 410, or the version is lost ─┘ error: back off, the same
///
/// Outages leave the index as it is; what happened meanwhile is made up for by the next watch or
/// list. A change of the reason why it does not work is logged once.
class Watch {
 public:
  /// Ends the thread, in 250 ms at most.
  virtual ~Watch() = default;
  virtual WatchHealth health() const = 0;
};

/// WatchSetup is what watches need of the world. All of it must outlive them.
struct WatchSetup {
  Api& api;
  const Clock& clock;
  Random& random;
  Logger& logger;
  std::string cluster;  ///< for logs
  /// After the first failure; doubles up to 64 times as much, by chance a quarter less or more.
  Duration first_backoff = std::chrono::milliseconds(500);
  int page = 500;  ///< objects a page of a list
};

/// PodWatchOptions: which pods, and how much of them.
struct PodWatchOptions {
  std::string field_selector = {};  ///< e.g. "spec.nodeName=worker-1"; empty: all pods
  PodDetail detail = PodDetail::kIdentity;
  /// With kIdentity only these labels are kept, if a pod has them: memory. With kFull, all.
  std::set<std::string> label_keys = {};
};

/// The index must outlive the watch, which alone may change it.
std::unique_ptr<Watch> StartPodWatch(const WatchSetup& setup, PodWatchOptions options,
                                     PodIndex& index);
/// Nodes are read as PartialObjectMetadata.
std::unique_ptr<Watch> StartNodeWatch(const WatchSetup& setup, NodeIndex& index);

}  // namespace signet::kubernetes
