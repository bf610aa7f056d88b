#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attestor/kubernetes/objects.h"
#include "core/base/result.h"

namespace signet::kubernetes {

/// ParsePod reads one v1.Pod in JSON. Only what Pod holds is kept. INVALID_ARGUMENT names the field
/// that is missing or has a form that Kubernetes never gives it.
Result<Pod> ParsePod(std::string_view json, PodDetail detail);
Result<Node> ParseNode(std::string_view json);

/// CheckPod makes ParsePod's checks on a pod that came another way (protobuf of the kubelet's Pods
/// API).
Status CheckPod(const Pod& pod);

/// Page is one answer of a list request. Items that do not parse are left out and counted: one
/// odd object must not hide all the others.
template <class T>
struct Page {
  std::vector<T> items;
  std::size_t malformed = 0;
  std::string resource_version;
  std::string continue_token;  ///< empty on the last page
};
/// INVALID_ARGUMENT also if there is no `items`: an empty answer is not an empty cluster.
Result<Page<Pod>> ParsePodList(std::string_view json, PodDetail detail);
Result<Page<Node>> ParseNodeList(std::string_view json);

/// WatchEvent is one line of a watch (kubernetes.md §6). kGone: 410, list again. kMalformed: an
/// object of a form that Kubernetes never gives; what was known under its uid holds no longer.
template <class T>
struct WatchEvent {
  enum class Kind : std::uint8_t { kSet, kDeleted, kBookmark, kMalformed, kGone, kError };
  Kind kind = Kind::kError;
  T object = {};                 ///< kSet and kDeleted; kMalformed: uid and name, or empty
  std::string resource_version;  ///< all but kGone and kError
  std::string message;           ///< kMalformed, kGone and kError
};
/// INVALID_ARGUMENT: the line is no event at all.
Result<WatchEvent<Pod>> ParsePodEvent(std::string_view line, PodDetail detail);
Result<WatchEvent<Node>> ParseNodeEvent(std::string_view line);

/// CheckMayHaveIdentity: scheduled, pending or running, not being deleted, no mirror pod
/// (kubernetes.md §1.10). PERMISSION_DENIED says which of these does not hold.
Status CheckMayHaveIdentity(const Pod& pod);

}  // namespace signet::kubernetes
