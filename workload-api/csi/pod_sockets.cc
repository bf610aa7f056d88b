#include "workload-api/csi/pod_sockets.h"

#include <utility>

namespace signet::csi {

PodSockets::~PodSockets() {
  // The sockets go, the folders stay mounted in the pods: the next agent listens in them again.
  for (const auto& [uid, record] : pods_) {
    world_.doors.Close(uid, Unavailable("the agent is shutting down"));
  }
}

std::size_t PodSockets::size() const {
  const std::lock_guard lock(mutex_);
  return pods_.size();
}

Status PodSockets::CheckRoom(const PublishRequest& request) const {
  const auto known = pods_.find(request.pod.uid);
  if (known == pods_.end()) {
    return pods_.size() < kMaxPods ? Status{}
                                   : ResourceExhausted("this node has too many pods with sockets");
  }
  if (known->second.pod != request.pod) {
    return FailedPrecondition("the pod's uid is known by another name or service account");
  }
  const auto& targets = known->second.targets;
  return targets.size() < kMaxTargetsPerPod || targets.contains(request.target.path)
             ? Status{}
             : ResourceExhausted("the pod has too many volumes of this driver");
}

Status PodSockets::OpenPod(const PodRecord& record) {
  const std::string& uid = record.pod.uid;
  SIGNET_TRY(world_.dirs.Make(uid));
  SIGNET_TRY(world_.doors.Open(record.pod, world_.dirs.socket(uid)));
  world_.tokens.Know(record.pod);
  world_.logger.Info(
      "pod has a socket of its own",
      {{"pod_uid", uid}, {"namespace", record.pod.namespace_name}, {"pod", record.pod.name}});
  return {};
}

void PodSockets::ClosePod(const std::string& pod_uid) {
  world_.doors.Close(pod_uid, PermissionDenied("the pod's volume was taken away"));
  world_.tokens.Forget(pod_uid);
  if (const Status removed = world_.dirs.Remove(pod_uid); !removed.ok()) {
    world_.logger.Warn("what is left of a pod could not be removed",
                       {{"pod_uid", pod_uid}, {"error", removed.error()}});
  }
}

/// Drop takes back a target that could not be mounted.
void PodSockets::Drop(const PublishRequest& request) {
  PodRecord& record = pods_[request.pod.uid];
  record.targets.erase(request.target.path);
  if (!record.targets.empty()) {
    (void)world_.dirs.Save(record);  // if that fails, Restore finds the target without a mount
    return;
  }
  ClosePod(request.pod.uid);
  pods_.erase(request.pod.uid);
}

Status PodSockets::Publish(PublishRequest request) {
  const std::lock_guard lock(mutex_);
  SIGNET_TRY(CheckRoom(request));
  const std::string& uid = request.pod.uid;
  const auto known = pods_.find(uid);
  PodRecord record = known == pods_.end() ? PodRecord{.pod = request.pod} : known->second;
  const bool fresh = record.targets.emplace(request.target.path, request.target).second;
  if (fresh) {
    SIGNET_TRY(world_.dirs.Save(record));
  }
  if (known == pods_.end()) {
    if (Status opened = OpenPod(record); !opened.ok()) {
      ClosePod(uid);
      return opened;
    }
  }
  pods_[uid] = std::move(record);
  // A token that comes first is there when the pod's first call is answered.
  const bool told = request.token && world_.tokens.Put(uid, *std::move(request.token));
  if (Status bound = world_.mounts.Bind(world_.dirs.folder(uid), request.target); !bound.ok()) {
    if (fresh) {
      Drop(request);
    }
    return bound;
  }
  if (told) {
    world_.on_change(uid);
  }
  return {};
}

Status PodSockets::Unpublish(const TargetPath& target) {
  const std::lock_guard lock(mutex_);
  SIGNET_TRY(world_.mounts.Unbind(target));
  const auto known = pods_.find(target.pod_uid);
  if (known == pods_.end() || known->second.targets.erase(target.path) == 0) {
    return {};
  }
  if (!known->second.targets.empty()) {
    return world_.dirs.Save(known->second);
  }
  ClosePod(target.pod_uid);
  pods_.erase(known);
  world_.logger.Info("pod's socket removed", {{"pod_uid", target.pod_uid}});
  return {};
}

Status PodSockets::Restore() {
  const std::lock_guard lock(mutex_);
  SIGNET_TRY_ASSIGN(PodDirs::Found found, world_.dirs.Load());
  for (PodRecord& record : found.records) {
    RestorePod(std::move(record));
  }
  for (const std::string& uid : found.orphans) {
    world_.logger.Warn("the folder of a pod without a record is removed", {{"pod_uid", uid}});
    ClosePod(uid);
  }
  return {};
}

void PodSockets::RestorePod(PodRecord record) {
  const std::string uid = record.pod.uid;
  std::erase_if(record.targets, [&](const auto& target) {
    return !world_.mounts.IsBound(world_.dirs.folder(uid), target.second);
  });
  if (record.targets.empty()) {
    ClosePod(uid);
    return;
  }
  if (const Status opened = OpenPod(record); !opened.ok()) {
    // The kubelet's next publish tries again.
    world_.logger.Error("a pod's socket could not be opened again",
                        {{"pod_uid", uid}, {"error", opened.error()}});
    return;
  }
  (void)world_.dirs.Save(record);
  pods_[uid] = std::move(record);
}

}  // namespace signet::csi
