#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace signet::attestor {

/// CgroupRules says where the kubelet makes its cgroups.
struct CgroupRules {
  /// roots are paths that pods must be under, e.g. "/kubepods.slice" or, for a kubelet with
  /// --cgroup-root, "/fleet". Empty: a `kubepods` group anywhere but in a login user's own tree,
  /// which systemd lets the user shape at will. They do not apply to paths that begin with "..",
  /// which is what an agent in a cgroup namespace of its own sees.
  std::vector<std::string> roots = {};
};

/// PodPlace is where in Kubernetes a process runs.
struct PodPlace {
  std::string pod_uid;       ///< with '-', as Kubernetes writes it
  std::string container_id;  ///< 64 hexadecimal digits
  /// unified_path is the cgroup v2 path that said so; empty if only v1 lines did.
  std::string unified_path = {};
  /// A static pod's uid is a hash of its file: it has no service account of the API server's.
  bool static_pod = false;
  friend bool operator==(const PodPlace&, const PodPlace&) = default;
};

/// LocatePod reads the text of /proc/<pid>/cgroup (kubernetes.md §1.7). Of each line the *first*
/// segment that names a pod counts, and the container is in the rest of that segment or in the very
/// next one: deeper segments are made by the container, which can call them what it likes.
///
/// nullopt: no container of a pod. FAILED_PRECONDITION: lines name different pods or containers,
/// or the text is not what a kernel writes.
Result<std::optional<PodPlace>> LocatePod(std::string_view text, const CgroupRules& rules);

}  // namespace signet::attestor
