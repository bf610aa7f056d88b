#pragma once

#include <string>

#include "workload-api/delivery/driver.h"

namespace signet::agent_cmd {

/// HealthJson is one JSON object for people and programs; times as RFC 3339. `source_problem` is
/// why nothing new can come, or empty.
std::string HealthJson(const delivery::Health& health, const std::string& source_problem);

}  // namespace signet::agent_cmd
