#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/config/paths.h"
#include "core/config/schema.h"
#include "workload-api/cmd/delivery_config.h"

namespace signet::agent_cmd {

/// DeliverOptions is the schema table of `signet-agent deliver`: the one source of its file, its
/// flags, its checks and docs/reference-deliver-config.md.
const std::vector<config::Option>& DeliverOptions();

/// LoadDeliverConfig reads a file and flags (name → text) into a checked configuration.
/// `endpoint_variable` is the value of SPIFFE_ENDPOINT_SOCKET, used if nothing else names the
/// agent's socket. INVALID_ARGUMENT lists every problem, one a line, each with its place.
struct DeliverEnvironment {
  config::Environment paths;
  std::string endpoint_variable = {};
};
Result<DeliverConfig> LoadDeliverConfig(const std::string& file,
                                        const std::map<std::string, std::string>& flags,
                                        const DeliverEnvironment& environment);

/// SocketEndpoint is the URI of a Unix socket's absolute path.
std::string SocketEndpoint(const std::string& path);

}  // namespace signet::agent_cmd
