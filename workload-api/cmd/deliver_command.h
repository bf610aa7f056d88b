#pragma once

#include "core/base/clock.h"
#include "core/config/command_line.h"

namespace signet::agent_cmd {

/// DeliverCommand is `signet-agent deliver`: identities as files, from any agent's Workload API.
/// The clock must outlive it.
config::Command DeliverCommand(const Clock& clock);

}  // namespace signet::agent_cmd
