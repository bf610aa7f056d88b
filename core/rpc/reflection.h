#pragma once

#include <string>
#include <vector>

#include "core/rpc/methods.h"

namespace signet::rpc {

/// AddReflection serves grpc.reflection.v1 and v1alpha ServerReflection, which list the named
/// services ("pkg.Service") and themselves. The services' descriptors must be linked into the
/// program (protobuf's generated pool).
void AddReflection(MethodTable& methods, std::vector<std::string> services);

}  // namespace signet::rpc
