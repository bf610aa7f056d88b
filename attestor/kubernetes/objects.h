#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"

namespace signet::kubernetes {

/// kPodEntryPrefix begins the id of an entry that the CA derives from a pod: "k8s-pod.<pod uid>".
/// No registration entry may have such an id.
inline constexpr std::string_view kPodEntryPrefix = "k8s-pod.";

enum class PodPhase : std::uint8_t { kUnknown, kPending, kRunning, kSucceeded, kFailed };
enum class ContainerKind : std::uint8_t { kRegular, kInit, kEphemeral };

/// Container is what a pod's spec says of one.
struct Container {
  std::string name = {};
  std::string image = {};
  ContainerKind kind = ContainerKind::kRegular;
  friend bool operator==(const Container&, const Container&) = default;
};

/// ContainerStatus is what the kubelet says of one that it has started.
struct ContainerStatus {
  std::string name = {};
  std::string container_id = {};  ///< without the runtime's "scheme://"; empty until it is started
  std::string image = {};
  std::string image_id = {};
  ContainerKind kind = ContainerKind::kRegular;
  friend bool operator==(const ContainerStatus&, const ContainerStatus&) = default;
};

struct Owner {
  std::string kind = {};
  std::string name = {};
  std::string uid = {};
  friend bool operator==(const Owner&, const Owner&) = default;
};

using Labels = std::vector<std::pair<std::string, std::string>>;  ///< in the object's order

/// Pod holds the facts that identities are made of, checked: uid, name, namespace and service
/// account have the form that Kubernetes gives them, so that they may be put into a SPIFFE ID.
/// Immutable and shared.
struct Pod {
  std::string uid = {};
  std::string namespace_name = {};
  std::string name = {};
  std::string service_account = {};  ///< empty for mirror pods
  std::string node_name = {};        ///< empty until it is scheduled
  std::string host_ip = {};          ///< of its node, as status.hostIP says; may be empty
  PodPhase phase = PodPhase::kUnknown;
  /// deletionTimestamp: set as soon as deletion was asked for; the moment at which its grace ends.
  std::optional<SystemTime> deletion = {};
  /// Mirror: the API's picture of a static pod; it has no service account of the API server's.
  bool mirror = false;
  Labels labels = {};
  std::vector<Owner> owners = {};              ///< PodDetail::kFull alone, as all that follows
  std::vector<Container> containers = {};      ///< init, regular, ephemeral
  std::vector<ContainerStatus> statuses = {};  ///< of all three lists
  friend bool operator==(const Pod&, const Pod&) = default;
};
using PodPtr = std::shared_ptr<const Pod>;

struct Node {
  std::string uid = {};
  std::string name = {};
  Labels labels = {};
  friend bool operator==(const Node&, const Node&) = default;
};
using NodePtr = std::shared_ptr<const Node>;

/// PodDetail: a CA needs who a pod is; an agent needs its containers too.
enum class PodDetail : std::uint8_t { kIdentity, kFull };

/// PodRef names a pod. The uid decides; namespace and name help to find it.
struct PodRef {
  std::string uid = {};
  std::string namespace_name = {};
  std::string name = {};
};

}  // namespace signet::kubernetes
