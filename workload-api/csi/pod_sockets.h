#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "core/base/log.h"
#include "core/base/result.h"
#include "workload-api/csi/mounts.h"
#include "workload-api/csi/pod_dirs.h"
#include "workload-api/csi/pod_tokens.h"
#include "workload-api/csi/publish_request.h"

namespace signet::csi {

/// PodDoors serves the Workload API on pods' sockets. Safe for several threads.
class PodDoors {
 public:
  virtual ~PodDoors() = default;
  /// Open listens on the path for one pod.
  virtual Status Open(const CsiPod& pod, const std::string& socket_path) = 0;
  /// Close ends the pod's streams, for that reason, and takes the socket away. Not open is fine.
  virtual void Close(const std::string& pod_uid, const Error& why) = 0;
};

/// PodSockets gives every pod a folder with a socket of its own and mounts that folder, and no
/// other, into the pod.
///
///   publish:   record → folder → socket → mount        unpublish: mount → record → socket → folder
///
/// The record comes first and goes last, so that after a crash at any point Restore finds what
/// there is and the kubelet, which repeats what was not answered, finds it again. Safe for several
/// threads; calls may block on the file system.
class PodSockets {
 public:
  static constexpr std::size_t kMaxPods = 1024;
  static constexpr std::size_t kMaxTargetsPerPod = 16;

  /// World is what a PodSockets works on; all of it must outlive it. on_change is told the uid of a
  /// pod that has a new token.
  struct World {
    const PodDirs& dirs;
    Mounts& mounts;
    PodDoors& doors;
    PodTokens& tokens;
    Logger& logger;
    std::function<void(const std::string& pod_uid)> on_change = [](const std::string&) {};
  };
  explicit PodSockets(World world) : world_(std::move(world)) {}
  ~PodSockets();
  PodSockets(const PodSockets&) = delete;
  PodSockets& operator=(const PodSockets&) = delete;

  /// Restore opens the sockets of all pods that still have theirs mounted, and clears away what is
  /// left of others. Once, before the rest.
  Status Restore();
  /// Publish may be repeated, and is, with fresh tokens. FAILED_PRECONDITION: the uid belongs to a
  /// pod of another name.
  Status Publish(PublishRequest request);
  /// Unpublish of an unknown target is fine.
  Status Unpublish(const TargetPath& target);

  std::size_t size() const;

 private:
  Status CheckRoom(const PublishRequest& request) const;
  Status OpenPod(const PodRecord& record);
  void ClosePod(const std::string& pod_uid);
  void Drop(const PublishRequest& request);
  void RestorePod(PodRecord record);

  const World world_;
  mutable std::mutex mutex_;
  std::map<std::string, PodRecord> pods_;  ///< by uid; each has its socket open
};

}  // namespace signet::csi
