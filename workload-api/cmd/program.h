#pragma once

#include "core/base/clock.h"
#include "core/config/command_line.h"

namespace signet::agent_cmd {

/// AgentProgram is the whole command line of signet-agent. The clock must outlive it.
config::Program AgentProgram(const Clock& clock);

}  // namespace signet::agent_cmd
