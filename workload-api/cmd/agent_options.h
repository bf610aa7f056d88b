#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/config/paths.h"
#include "core/config/schema.h"
#include "workload-api/cmd/agent_config.h"

namespace signet::agent_cmd {

/// AgentOptions is the schema table of signet-agent: the one source of the configuration file, its
/// flags, its checks and docs/reference-agent-config.md.
const std::vector<config::Option>& AgentOptions();

/// LoadAgentConfig reads a file (empty: none) and flags (name → text) into a checked configuration.
/// INVALID_ARGUMENT lists every problem, one a line, each with its place.
Result<AgentConfig> LoadAgentConfig(const std::string& file,
                                    const std::map<std::string, std::string>& flags,
                                    const config::Environment& environment);

}  // namespace signet::agent_cmd
