#include "workload-api/csi/pod.h"

#include <algorithm>

#include "attestor/kubernetes/names.h"

namespace signet::csi {
namespace {

constexpr std::size_t kMaxPath = 1024;

Error Bad(std::string_view what) {
  return InvalidArgument(std::string(what) +
                         " of the pod is missing or malformed; the CSIDriver object needs "
                         "podInfoOnMount: true");
}

/// Cut takes the next segment of a path off its front.
std::string_view Cut(std::string_view& path) {
  const std::size_t slash = path.find('/');
  const std::string_view segment = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return segment;
}

}  // namespace

bool IsPodUid(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return std::equal(text.begin(), text.end(), kForm.begin(), kForm.end(), [](char c, char form) {
    return form == '-' ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

Status CheckPod(const CsiPod& pod) {
  if (!IsPodUid(pod.uid)) {
    return Bad("the uid");
  }
  if (!kubernetes::IsDnsLabel(pod.namespace_name)) {
    return Bad("the namespace");
  }
  if (!kubernetes::IsDnsSubdomain(pod.name)) {
    return Bad("the name");
  }
  if (!kubernetes::IsDnsSubdomain(pod.service_account)) {
    return Bad("the service account");
  }
  return {};
}

Result<TargetPath> TargetPath::Parse(std::string_view kubelet_dir, std::string_view path) {
  const Error odd =
      InvalidArgument("target_path is not " + std::string(kubelet_dir) +
                      "/pods/<pod uid>/volumes/kubernetes.io~csi/<volume>/mount; if the kubelet's "
                      "root directory is another, set csi.kubelet_dir");
  if (path.size() > kMaxPath || !path.starts_with(kubelet_dir) ||
      !path.substr(kubelet_dir.size()).starts_with('/')) {
    return odd;
  }
  std::string_view rest = path.substr(kubelet_dir.size() + 1);
  const std::string_view relative = rest;
  const bool in_pods = Cut(rest) == "pods";
  const std::string_view uid = Cut(rest);
  const bool in_volumes = Cut(rest) == "volumes" && Cut(rest) == "kubernetes.io~csi";
  const std::string_view volume = Cut(rest);
  if (!in_pods || !IsPodUid(uid) || !in_volumes || !kubernetes::IsDnsSubdomain(volume) ||
      rest != "mount") {
    return odd;
  }
  return TargetPath{.path = std::string(path),
                    .parent = std::string(relative.substr(0, relative.rfind('/'))),
                    .pod_uid = std::string(uid)};
}

}  // namespace signet::csi
