#pragma once

#include <functional>
#include <vector>

#include "core/base/clock.h"
#include "core/config/command_line.h"
#include "workload-api/cmd/workload_client.h"

namespace signet::agent_cmd {

/// ApiWorld is what the `api` commands take from outside.
struct ApiWorld {
  const Clock& clock;
  AgentConnector connect;
  /// pause waits before `api watch` tries again; false ends it.
  std::function<bool()> pause;
};

/// ApiCommands lists the commands that talk to a running agent: api fetch x509, api watch, api sds
/// and healthcheck. The clock must outlive them.
std::vector<config::Command> ApiCommands(const ApiWorld& world);

}  // namespace signet::agent_cmd
