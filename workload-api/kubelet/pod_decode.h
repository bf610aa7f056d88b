#pragma once

#include <string_view>

#include "attestor/kubernetes/objects.h"
#include "core/base/result.h"

namespace signet::kubelet {

/// DecodePod reads a v1.Pod in Kubernetes' protobuf form and makes the checks that a pod in JSON
/// goes through. INVALID_ARGUMENT says what is wrong.
Result<kubernetes::Pod> DecodePod(std::string_view bytes);

/// DecodePodUid reads the uid alone: of a pod that is gone little more is told.
Result<std::string> DecodePodUid(std::string_view bytes);

}  // namespace signet::kubelet
