#include "workload-api/kubelet/pod_decode.h"

#include <algorithm>
#include <climits>
#include <string>
#include <utility>

#include "attestor/kubernetes/object_codec.h"
#include "kubelet/pod.pb.h"

namespace signet::kubelet {
namespace {

using kubernetes::ContainerKind;
using kubernetes::PodPhase;

constexpr char kMirrorAnnotation[] = "kubernetes.io/config.mirror";
constexpr std::size_t kMaxPodBytes = 4 * 1024 * 1024;

// `Wire` is a pod as it travels; kubernetes::Pod is what the rest of the house knows.
using Wire = Pod;

PodPhase PhaseOf(const std::string& text) {
  if (text == "Pending") {
    return PodPhase::kPending;
  }
  if (text == "Running") {
    return PodPhase::kRunning;
  }
  if (text == "Succeeded") {
    return PodPhase::kSucceeded;
  }
  return text == "Failed" ? PodPhase::kFailed : PodPhase::kUnknown;
}

std::string WithoutScheme(const std::string& id) {
  const std::size_t scheme = id.find("://");
  return scheme == id.npos ? id : id.substr(scheme + 3);
}

template <class Statuses>
void AddStatuses(const Statuses& statuses, ContainerKind kind, kubernetes::Pod& out) {
  for (const ContainerStatus& status : statuses) {
    out.statuses.push_back({.name = status.name(),
                            .container_id = WithoutScheme(status.container_id()),
                            .image = status.image(),
                            .image_id = status.image_id(),
                            .kind = kind});
  }
}

void AddContainers(const Wire& pod, kubernetes::Pod& out) {
  for (const Container& container : pod.spec().init_containers()) {
    out.containers.push_back({container.name(), container.image(), ContainerKind::kInit});
  }
  for (const Container& container : pod.spec().containers()) {
    out.containers.push_back({container.name(), container.image(), ContainerKind::kRegular});
  }
  for (const EphemeralContainer& container : pod.spec().ephemeral_containers()) {
    out.containers.push_back(
        {container.common().name(), container.common().image(), ContainerKind::kEphemeral});
  }
  AddStatuses(pod.status().init_container_statuses(), ContainerKind::kInit, out);
  AddStatuses(pod.status().container_statuses(), ContainerKind::kRegular, out);
  AddStatuses(pod.status().ephemeral_container_statuses(), ContainerKind::kEphemeral, out);
}

Result<Wire> Parse(std::string_view bytes) {
  Wire pod;
  if (bytes.size() > kMaxPodBytes ||
      !pod.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return InvalidArgument("the kubelet sent a pod that does not parse");
  }
  return pod;
}

}  // namespace

Result<kubernetes::Pod> DecodePod(std::string_view bytes) {
  SIGNET_TRY_ASSIGN(const Wire pod, Parse(bytes));
  kubernetes::Pod out;
  out.uid = pod.metadata().uid();
  out.namespace_name = pod.metadata().namespace_();
  out.name = pod.metadata().name();
  out.service_account = pod.spec().service_account_name();
  out.node_name = pod.spec().node_name();
  out.host_ip = pod.status().host_ip();
  out.phase = PhaseOf(pod.status().phase());
  if (pod.metadata().has_deletion_timestamp()) {
    out.deletion = FromUnixSeconds(pod.metadata().deletion_timestamp().seconds());
  }
  out.mirror = pod.metadata().annotations().count(kMirrorAnnotation) > 0;
  out.labels.assign(pod.metadata().labels().begin(), pod.metadata().labels().end());
  std::sort(out.labels.begin(), out.labels.end());  // a map travels in any order
  for (const OwnerReference& owner : pod.metadata().owner_references()) {
    out.owners.push_back({owner.kind(), owner.name(), owner.uid()});
  }
  AddContainers(pod, out);
  SIGNET_TRY(kubernetes::CheckPod(out));
  return out;
}

Result<std::string> DecodePodUid(std::string_view bytes) {
  SIGNET_TRY_ASSIGN(const Wire pod, Parse(bytes));
  return pod.metadata().uid();
}

}  // namespace signet::kubelet
