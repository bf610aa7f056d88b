#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace signet::kubelet {

/// PodEvent is one message of WatchPods.
struct PodEvent {
  enum class Kind : std::uint8_t { kSet, kDeleted, kSynced };
  Kind kind = Kind::kSet;
  std::string_view pod = {};  ///< v1.Pod in protobuf form; ends with the call
};

/// PodsClient watches pods by the kubelet's Pods API.
class PodsClient {
 public:
  virtual ~PodsClient() = default;
  /// Watch blocks its thread until the stream ends, and tells why it did: UNAVAILABLE (nobody
  /// listens, the kubelet is starting …), CANCELLED after Stop. OK is an end without a reason.
  virtual Status Watch(const std::function<void(const PodEvent&)>& on_event) = 0;
  /// Stop ends the present and every later Watch. Any thread.
  virtual void Stop() = 0;
};

/// OpenPodsClient connects to the kubelet's Unix socket at the first Watch.
std::unique_ptr<PodsClient> OpenPodsClient(const std::string& socket_path);

}  // namespace signet::kubelet
