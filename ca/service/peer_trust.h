#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ca/service/context.h"
#include "core/crypto/x509_svid.h"

namespace signet::service {

/// PeerTrust judges client certificates against the bundles as they are now: the own one, and
/// those of trust domains that have an administrator in admin_ids. Every change of them counts as
/// a new generation, so that a verdict can be cached until it may have changed. Safe for several
/// threads.
class PeerTrust {
 public:
  PeerTrust(Context& context, std::vector<spiffe::SpiffeId> admin_ids);

  /// Refresh rebuilds the trust stores; call it at start and after every bundle change.
  void Refresh();
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  /// Verify: the chain is an SVID that a current bundle vouches for, of this trust domain or a
  /// configured administrator's (spire-api §2).
  Result<crypto::X509Svid> Verify(const std::vector<Bytes>& chain) const;

 private:
  bool Admits(const spiffe::SpiffeId& id) const;

  Context& context_;
  const std::vector<spiffe::SpiffeId> admin_ids_;
  std::atomic<std::uint64_t> generation_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<const crypto::TrustStores> stores_;  ///< guarded by mutex_
};

}  // namespace signet::service
