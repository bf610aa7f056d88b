#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace signet::csi {

/// CsiPod is a pod as the kubelet names it when it asks for a volume. Its parts have the form that
/// Kubernetes gives them.
struct CsiPod {
  std::string uid;
  std::string namespace_name;
  std::string name;
  std::string service_account;
  friend bool operator==(const CsiPod&, const CsiPod&) = default;
};

/// CheckPod: INVALID_ARGUMENT names the part that has an impossible form.
Status CheckPod(const CsiPod& pod);

/// IsPodUid: a UUID in lower case, as the API server makes them.
bool IsPodUid(std::string_view text);

/// TargetPath is where the kubelet wants a volume:
///   <kubelet_dir>/pods/<pod uid>/volumes/kubernetes.io~csi/<volume>/mount
/// The kubelet makes that path, so the uid in it holds even if the rest of the request was written
/// by a pod's author.
struct TargetPath {
  std::string path;     ///< as it was given
  std::string parent;   ///< the folder that holds it, relative to kubelet_dir
  std::string pod_uid;  ///< from the path

  /// Parse takes exactly this form. INVALID_ARGUMENT otherwise.
  static Result<TargetPath> Parse(std::string_view kubelet_dir, std::string_view path);
};

}  // namespace signet::csi
