#pragma once

#include <grpcpp/client_context.h>

#include <vector>

#include "core/base/log.h"
#include "spire/api/server/entry/v1/entry.grpc.pb.h"
#include "workload-api/manager/upstream.h"
#include "workload-api/svids/identity.h"

namespace signet::upstream {

/// SyncEntries runs the SyncAuthorizedEntries exchange (spire-api §7.2). Small sets come at once;
/// of large ones the server first lists revisions, and only what is new or changed is asked for.
/// Entries that make no sense are skipped with a warning, as are those for SVID stores.
manager::Answer<std::vector<svids::Entry>> SyncEntries(
    spire::api::server::entry::v1::Entry::Stub& stub, grpc::ClientContext& context,
    const std::vector<svids::Entry>& known, Logger& logger);

}  // namespace signet::upstream
