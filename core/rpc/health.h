#pragma once

#include <functional>
#include <map>
#include <string>

#include "core/rpc/methods.h"

namespace signet::rpc {

/// AddHealth serves grpc.health.v1.Health/Check: "" answers SERVING or NOT_SERVING as `serving`
/// says, and so does each of the named services; another one is INVALID_ARGUMENT, Watch and List
/// are UNIMPLEMENTED (spire-api §7.7).
void AddHealth(MethodTable& methods, std::function<bool()> serving,
               std::map<std::string, std::function<bool()>> services = {});

}  // namespace signet::rpc
