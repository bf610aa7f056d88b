#pragma once

#include <span>
#include <string>
#include <vector>

#include "ca/issuance/x509_issuer.h"
#include "ca/service/attestation.h"
#include "ca/service/context.h"
#include "ca/service/pod_identities.h"
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
  /// pods: null if no cluster gives identities without registration.
  Svids(Context& context, IssuerSource issuer, TtlPolicy ttls, WorkerPool& pool,
        const PodIdentities* pods = nullptr)
      : context_(context), issuer_(std::move(issuer)), ttls_(ttls), pool_(pool), pods_(pods) {}

  /// BatchNewX509 answers every request of an agent, in order and on all cores. Of a CSR only the
  /// key is used; names and TTL come from the entry, which the agent must be authorized for. An
  /// entry may also be one that is derived from a pod.
  std::vector<Result<WorkloadSvid>> BatchNewX509(const spiffe::SpiffeId& agent,
                                                 std::span<const SvidRequest> requests);
  /// MintX509 signs what an administrator's CSR names, without an entry.
  Result<WorkloadSvid> MintX509(ByteView csr, std::int32_t ttl_seconds);

  /// TtlOf is the entry's own TTL or the server's default.
  Duration TtlOf(const store::Entry& entry) const;
  /// Sign makes the SVID of an entry that the caller has found the agent authorized for.
  Result<issuance::IssuedSvid> Sign(const store::Entry& entry, const crypto::PublicKey& key,
                                    Duration ttl) const;

 private:
  Result<WorkloadSvid> NewX509(const store::Agent* agent, const SvidRequest& request);
  Result<EntryPtr> FindAuthorized(const store::Agent* agent, const std::string& entry_id) const;

  Context& context_;
  const IssuerSource issuer_;
  const TtlPolicy ttls_;
  WorkerPool& pool_;
  const PodIdentities* const pods_;
};

}  // namespace signet::service
