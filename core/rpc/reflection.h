#pragma once

#include <string>
#include <vector>

#include "core/rpc/methods.h"

namespace signet::rpc {

/// AddReflection serves grpc.reflection.v1 and v1alpha ServerReflection for the named services
/// ("pkg.Service"), whose descriptors must be linked into the program (protobuf's generated pool).
void AddReflection(MethodTable& methods, std::vector<std::string> services);

}  // namespace signet::rpc
