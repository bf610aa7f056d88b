#pragma once

#include <memory>
#include <string>

#include "core/base/result.h"
#include "workload-api/cmd/agent_config.h"
#include "workload-api/csi/driver.h"

namespace signet::agent_cmd {

/// StartCsi starts the driver as configured; null if it is off.
Result<std::unique_ptr<csi::Driver>> StartCsi(const AgentConfig& config, std::string version,
                                              csi::DriverWorld world);

}  // namespace signet::agent_cmd
