#pragma once

#include <memory>

#include "core/rpc/methods.h"
#include "workload-api/rpc/workload_api.h"

namespace signet::agent_rpc {

/// WatchCrossCertificates serves signet.api.agent.v1.CrossCertificates/WatchCrossCertificates to
/// the callers of a door: those of the trust domains that their identities federate with, all at
/// once and again at each change.
rpc::HandlerFactory WatchCrossCertificates(const std::shared_ptr<WorkloadApi::Shared>& shared,
                                           const std::shared_ptr<const Door>& door);

}  // namespace signet::agent_rpc
