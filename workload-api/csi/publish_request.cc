#include "workload-api/csi/publish_request.h"

#include "csi/v1/csi.pb.h"

namespace signet::csi {
namespace {

using ::csi::v1::NodePublishVolumeRequest;
using Map = google::protobuf::Map<std::string, std::string>;

constexpr std::size_t kMaxVolumeId = 256;
constexpr std::size_t kMaxEntries = 32;
constexpr char kEphemeral[] = "csi.storage.k8s.io/ephemeral";
constexpr char kPodUid[] = "csi.storage.k8s.io/pod.uid";
constexpr char kPodNamespace[] = "csi.storage.k8s.io/pod.namespace";
constexpr char kPodName[] = "csi.storage.k8s.io/pod.name";
constexpr char kServiceAccount[] = "csi.storage.k8s.io/serviceAccount.name";
constexpr char kTokens[] = "csi.storage.k8s.io/serviceAccount.tokens";

std::string At(const Map& map, const char* key) {
  const auto found = map.find(key);
  return found == map.end() ? std::string() : found->second;
}

/// CheckForm refuses whatever is not a small, read-only, ephemeral folder.
Status CheckForm(const NodePublishVolumeRequest& request) {
  if (request.volume_id().empty() || request.volume_id().size() > kMaxVolumeId) {
    return InvalidArgument("volume_id is missing or too long");
  }
  if (request.secrets().size() > kMaxEntries || request.volume_context().size() > kMaxEntries) {
    return InvalidArgument("volume_context or secrets have too many entries");
  }
  if (!request.volume_capability().has_mount()) {
    return InvalidArgument("only volumes that are mounted are served, no block devices");
  }
  const auto& mount = request.volume_capability().mount();
  if (!mount.fs_type().empty() || !mount.mount_flags().empty()) {
    return InvalidArgument("the volume takes no fsType and no mount options; remove them");
  }
  if (!request.staging_target_path().empty() ||
      At(request.volume_context(), kEphemeral) != "true") {
    return InvalidArgument(
        "only ephemeral inline volumes are served; the CSIDriver object needs "
        "volumeLifecycleModes: [Ephemeral] and podInfoOnMount: true");
  }
  if (!request.readonly()) {
    return InvalidArgument("the pod must set readOnly: true on the volume");
  }
  return {};
}

Result<std::optional<PodToken>> ReadToken(const NodePublishVolumeRequest& request,
                                          const std::string& audience) {
  // Kubernetes 1.35 moved tokens to the secrets, which nobody logs.
  for (const Map* map : {&request.secrets(), &request.volume_context()}) {
    if (const auto tokens = map->find(kTokens); tokens != map->end()) {
      return ReadTokens(tokens->second, audience);
    }
  }
  return std::optional<PodToken>();
}

}  // namespace

Result<PublishRequest> ReadPublishRequest(const NodePublishVolumeRequest& request,
                                          const PublishRules& rules) {
  SIGNET_TRY(CheckForm(request));
  SIGNET_TRY_ASSIGN(TargetPath target, TargetPath::Parse(rules.kubelet_dir, request.target_path()));
  const Map& context = request.volume_context();
  CsiPod pod{.uid = At(context, kPodUid),
             .namespace_name = At(context, kPodNamespace),
             .name = At(context, kPodName),
             .service_account = At(context, kServiceAccount)};
  SIGNET_TRY(CheckPod(pod));
  // Without podInfoOnMount a pod's author could write these keys; the path is the kubelet's own.
  if (pod.uid != target.pod_uid) {
    return InvalidArgument("the pod's uid is not the one in target_path");
  }
  SIGNET_TRY_ASSIGN(std::optional<PodToken> token, ReadToken(request, rules.token_audience));
  return PublishRequest{
      .pod = std::move(pod), .target = std::move(target), .token = std::move(token)};
}

}  // namespace signet::csi
