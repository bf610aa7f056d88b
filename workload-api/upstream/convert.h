#pragma once

#include <grpcpp/support/status.h>

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/spiffe/bundle.h"
#include "spire/api/types/bundle.pb.h"
#include "spire/api/types/entry.pb.h"
#include "spire/api/types/x509svid.pb.h"
#include "workload-api/manager/upstream.h"
#include "workload-api/svids/identity.h"

namespace signet::upstream {

/// ErrorOf turns a failed call into an error.
Error ErrorOf(const grpc::Status& status);
/// DenialOf reads PermissionDeniedDetails out of the details trailer.
manager::Denial DenialOf(const grpc::Status& status);

/// FailureOf is an Answer of a failed call.
template <class T>
manager::Answer<T> FailureOf(const grpc::Status& status) {
  return {ErrorOf(status), DenialOf(status)};
}

/// What the server sends is checked as if it came from a stranger (spire-api §8.4).
Result<svids::Entry> EntryOf(const spire::api::types::Entry& entry);
Result<spiffe::Bundle> BundleOf(const spire::api::types::Bundle& bundle);
Result<std::vector<Bytes>> ChainOf(const spire::api::types::X509SVID& svid);

}  // namespace signet::upstream
