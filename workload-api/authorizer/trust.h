#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/crypto/x509_svid.h"
#include "workload-api/svids/snapshot.h"

namespace signet::authorizer {

/// Authorities are a trust domain's X.509 authorities at one moment, ready for verification.
/// Immutable.
struct Authorities {
  std::shared_ptr<const Bytes> bundle;  ///< what they were made of; its address is their version
  std::shared_ptr<const crypto::TrustStore> store;
  std::vector<crypto::Certificate> certificates;

  /// Anchors: some certificate of the chain names one of these as its issuer, or is one. Without
  /// that no path can be found; it proves nothing.
  bool Anchors(const std::vector<crypto::Certificate>& chain) const;
  /// NextExpiry is the first moment after `now` at which one of them ends.
  std::optional<SystemTime> NextExpiry(SystemTime now) const;
};

/// Trust makes Authorities of the bundles in snapshots, each once, when it is first asked for. One
/// thread.
class Trust {
 public:
  /// Of gives those of one trust domain. NOT_FOUND: the snapshot has no bundle of it; INTERNAL: the
  /// bundle cannot be read.
  Result<std::shared_ptr<const Authorities>> Of(const svids::Snapshot& snapshot,
                                                const spiffe::TrustDomain& trust_domain);

 private:
  std::map<spiffe::TrustDomain, std::shared_ptr<const Authorities>> known_;
};

}  // namespace signet::authorizer
