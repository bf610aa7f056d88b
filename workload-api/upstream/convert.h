#pragma once

#include <grpcpp/support/status.h>

#include <map>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/spiffe/bundle.h"
#include "signet/api/server/v1/cross_certificates.pb.h"
#include "signet/api/server/v1/pods.pb.h"
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
/// AddCrossCertificates takes over certificates with name constraints, and no others: a file of CA
/// certificates that is to be constrained would not be.
void AddCrossCertificates(const signet::api::server::v1::ListCrossCertificatesResponse& response,
                          std::map<spiffe::TrustDomain, std::vector<Bytes>>& into);
Result<std::vector<Bytes>> ChainOf(const spire::api::types::X509SVID& svid);

/// ChainsOf reads the results of a batch, each with its own status.
template <class BatchResults>
manager::IssuedChains ChainsOf(const BatchResults& results) {
  manager::IssuedChains chains;
  for (const auto& result : results) {
    if (result.status().code() != 0) {
      chains.emplace_back(
          Error{static_cast<Code>(result.status().code()), result.status().message()});
      continue;
    }
    chains.push_back(ChainOf(result.svid()));
  }
  return chains;
}

signet::api::server::v1::BatchNewPodX509SVIDRequest PodRequestOf(
    const std::vector<manager::PodSvidRequest>& requests);

/// Text is for protobuf, whose bytes are strings.
template <class T>
std::string Text(const T& bytes) {
  return std::string(AsText(bytes));
}

}  // namespace signet::upstream
