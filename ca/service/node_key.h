#pragma once

#include <string>
#include <string_view>

#include "ca/store/records.h"

namespace signet::service {

/// NodeKey names a node among those of all clusters: "<cluster>/<node name>". Neither part has a
/// '/'.
std::string NodeKey(std::string_view cluster, std::string_view node_name);
/// NodeKeyOf is the key of the node that an agent runs on, as k8s_psat has proven it; empty for
/// other agents.
std::string NodeKeyOf(const store::Agent& agent);

}  // namespace signet::service
