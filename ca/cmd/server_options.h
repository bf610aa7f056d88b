#pragma once

#include <map>
#include <string>
#include <vector>

#include "ca/cmd/server_config.h"
#include "core/base/result.h"
#include "core/config/paths.h"
#include "core/config/schema.h"

namespace signet::ca_cmd {

/// ServerOptions is the schema table of signet-server: the one source of the configuration file,
/// its flags, its checks and docs/reference-server-config.md.
const std::vector<config::Option>& ServerOptions();

/// LoadServerConfig reads a file (empty: none) and flags (name → text) into a checked
/// configuration. INVALID_ARGUMENT lists every problem, one a line, each with its place.
Result<ServerConfig> LoadServerConfig(const std::string& file,
                                      const std::map<std::string, std::string>& flags,
                                      const config::Environment& environment);

}  // namespace signet::ca_cmd
