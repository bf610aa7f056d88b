#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "workload-api/csi/pod.h"

namespace signet::csi {

/// PodRecord is what must survive the agent: a pod with its socket, and where that is mounted. It
/// holds no token.
struct PodRecord {
  CsiPod pod;
  std::map<std::string, TargetPath> targets = {};  ///< by path
};

/// PodDirs keeps the folders of the pods' sockets, and a record of each pod beside its folder,
/// where the pod cannot see it:
///   <root>/               0700
///     <pod uid>.json      0600
///     <pod uid>/          0755, this is what a pod gets to see
///       agent.sock
/// Used by one thread at a time.
class PodDirs {
 public:
  /// Open makes the folder. It must belong to the agent's user alone, and leave room for a socket
  /// path. kubelet_dir is what the targets in the records must be below.
  static Result<PodDirs> Open(std::string root, std::string kubelet_dir);

  std::string folder(const std::string& pod_uid) const { return root_ + "/" + pod_uid; }
  std::string socket(const std::string& pod_uid) const { return folder(pod_uid) + "/agent.sock"; }

  /// Make makes the pod's folder, if it is not there.
  Status Make(const std::string& pod_uid) const;
  /// Save replaces the pod's record at once or not at all.
  Status Save(const PodRecord& record) const;
  /// Remove takes away the pod's folder and record, as far as they exist.
  Status Remove(const std::string& pod_uid) const;

  struct Found {
    std::vector<PodRecord> records;
    std::set<std::string> orphans;  ///< uids of folders and records that make no whole
  };
  Result<Found> Load() const;

 private:
  PodDirs(std::string root, std::string kubelet_dir)
      : root_(std::move(root)), kubelet_dir_(std::move(kubelet_dir)) {}
  std::string record(const std::string& pod_uid) const { return folder(pod_uid) + ".json"; }

  std::string root_;
  std::string kubelet_dir_;
};

/// A record as text. ReadPodRecord checks it like a request.
std::string WritePodRecord(const PodRecord& record);
Result<PodRecord> ReadPodRecord(std::string_view json, std::string_view kubelet_dir);

}  // namespace signet::csi
