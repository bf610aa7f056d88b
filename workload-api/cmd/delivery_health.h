#pragma once

#include <string>

#include "workload-api/delivery/driver.h"

namespace signet::agent_cmd {

/// HealthJson is one JSON object for people and programs; times as RFC 3339. `source_problem` is
/// why nothing new can come, or empty.
std::string HealthJson(const delivery::Health& health, const std::string& source_problem);

/// BriefHealthJson says live and ready alone.
std::string BriefHealthJson(const delivery::Health& health);

}  // namespace signet::agent_cmd
