#pragma once

#include <optional>
#include <string>

#include "core/base/result.h"
#include "workload-api/csi/pod.h"
#include "workload-api/csi/token_evidence.h"

namespace csi::v1 {
class NodePublishVolumeRequest;
}  // namespace csi::v1

namespace signet::csi {

/// PublishRules are what requests are checked against.
struct PublishRules {
  std::string kubelet_dir;
  std::string token_audience = {};  ///< empty: the only token that comes
};

/// PublishRequest is a checked NodePublishVolume: which pod wants its socket where.
struct PublishRequest {
  CsiPod pod;
  TargetPath target;
  std::optional<PodToken> token = {};
};

/// ReadPublishRequest takes ephemeral inline volumes alone, read-only, without options of a file
/// system. The pod's uid must be the one in the target path. INVALID_ARGUMENT says what is wrong
/// and never repeats what the request holds.
Result<PublishRequest> ReadPublishRequest(const ::csi::v1::NodePublishVolumeRequest& request,
                                          const PublishRules& rules);

}  // namespace signet::csi
