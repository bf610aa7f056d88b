#pragma once

#include <iosfwd>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "workload-api/cmd/workload_client.h"

namespace signet::agent_cmd {

/// ShowSecretStreams asks an agent for its SDS streams and prints them, one block a stream, or as
/// one JSON object. What clients have said is printed with control characters escaped.
Status ShowSecretStreams(WorkloadClient& client, SystemTime now, bool json, std::ostream& out);

}  // namespace signet::agent_cmd
