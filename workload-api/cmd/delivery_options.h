#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/config/schema.h"
#include "workload-api/cmd/delivery_config.h"

namespace signet::agent_cmd {

/// Where targets stand in the agent's file; there each needs `selectors`.
inline constexpr char kAgentTargets[] = "agent.delivery.targets";
/// Where they stand in the file of `signet-agent deliver`.
inline constexpr char kDeliverTargets[] = "deliver.targets";

/// Names below reload.files.
inline constexpr const char* kReloadRoles[] = {"certificate", "key", "ca", "combined"};

/// ParseMode reads a file's mode in octal digits; nullopt if they are none.
std::optional<mode_t> ParseMode(const std::string& text);

/// DeliveryTargetOptions are the rows of the targets below a path.
std::vector<config::Option> DeliveryTargetOptions(const std::string& targets);

/// CheckDeliveryTargets finds what no single key shows: files, actions and probes that cannot be,
/// folders that are used twice. The machine is asked for users and groups alone.
std::vector<std::string> CheckDeliveryTargets(const config::Values& values,
                                              const std::string& targets);

/// ReadDeliveryTargets also reads password files.
Result<std::vector<DeliveryTarget>> ReadDeliveryTargets(const config::Values& values,
                                                        const std::string& targets);

}  // namespace signet::agent_cmd
