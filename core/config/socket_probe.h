#pragma once

#include <string>

#include "core/base/result.h"

namespace signet::config {

/// ProbeSocket connects once to a program's Unix socket and closes it again, since errno tells
/// people more than the gRPC library does: no socket there, nobody listening, or not allowed; each
/// with what to do. `program` is its name, e.g. "signet-server".
Status ProbeSocket(const std::string& path, const std::string& program);

}  // namespace signet::config
