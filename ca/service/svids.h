#pragma once

#include <span>
#include <string>
#include <vector>

#include "ca/issuance/x509_issuer.h"
#include "ca/service/attestation.h"
#include "ca/service/context.h"
#include "core/base/worker_pool.h"

namespace signet::service {

/// SvidRequest is one item of BatchNewX509SVID. The CSR must outlive the call.
struct SvidRequest {
  std::string entry_id;
  ByteView csr;
};

/// WorkloadSvid is an issued X509-SVID and the ID that it is for.
struct WorkloadSvid {
  spiffe::SpiffeId id;
  issuance::IssuedSvid svid;
};

/// Svids issues workload identities (spire-api §7.3). Safe for several threads; signing burns CPU,
/// so it belongs on the pool.
class Svids {
 public:
  Svids(Context& context, IssuerSource issuer, TtlPolicy ttls, WorkerPool& pool)
      : context_(context), issuer_(std::move(issuer)), ttls_(ttls), pool_(pool) {}

  /// BatchNewX509 answers every request of an agent, in order and on all cores. Of a CSR only the
  /// key is used; names and TTL come from the entry, which the agent must be authorized for.
  std::vector<Result<WorkloadSvid>> BatchNewX509(const spiffe::SpiffeId& agent,
                                                 std::span<const SvidRequest> requests);
  /// MintX509 signs what an administrator's CSR names, without an entry.
  Result<WorkloadSvid> MintX509(ByteView csr, std::int32_t ttl_seconds);

 private:
  Result<WorkloadSvid> NewX509(const store::Agent* agent, const SvidRequest& request);

  Context& context_;
  const IssuerSource issuer_;
  const TtlPolicy ttls_;
  WorkerPool& pool_;
};

}  // namespace signet::service
