#pragma once

#include <functional>

#include "core/rpc/methods.h"

namespace signet::rpc {

/// AddHealth serves grpc.health.v1.Health/Check: "" answers SERVING or NOT_SERVING as `serving`
/// says, a named service is INVALID_ARGUMENT, Watch and List are UNIMPLEMENTED (spire-api §7.7).
void AddHealth(MethodTable& methods, std::function<bool()> serving);

}  // namespace signet::rpc
