#pragma once

#include <memory>
#include <vector>

#include "core/base/result.h"
#include "workload-api/cmd/delivery_config.h"
#include "workload-api/delivery/target.h"

namespace signet::agent_cmd {

/// MakeTargets builds what a configuration describes; folders and servers are not touched yet.
Result<std::vector<std::unique_ptr<delivery::Target>>> MakeTargets(
    std::vector<DeliveryTarget> configured, const delivery::Target::World& world);

/// Choices are those of the targets, in order.
std::vector<IdentityChoice> Choices(const std::vector<DeliveryTarget>& configured);

}  // namespace signet::agent_cmd
