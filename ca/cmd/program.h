#pragma once

#include "core/config/command_line.h"

namespace signet::ca_cmd {

/// ServerProgram is the whole command line of signet-server.
config::Program ServerProgram();

}  // namespace signet::ca_cmd
