#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "ca/service/authorizer.h"
#include "ca/service/peer_trust.h"
#include "core/rpc/call.h"

namespace signet::ca_rpc {

/// Callers says who is calling, from the connection's certificate. A chain is verified once for
/// each connection and generation of the bundles (and again every minute), so that a call on a
/// connection that is long open is judged by today's bundle at the price of a look-up. Safe for
/// several threads.
class Callers {
 public:
  Callers(const service::PeerTrust& trust, const Clock& clock) : trust_(trust), clock_(clock) {}

  std::shared_ptr<const service::Caller> Identify(const std::shared_ptr<const rpc::Peer>& peer);
  /// Prune forgets connections that are gone.
  void Prune();

 private:
  struct Known {
    std::weak_ptr<const rpc::Peer> peer;
    std::shared_ptr<const service::Caller> caller;
    std::uint64_t generation = 0;
    MonoTime verified_at;
  };
  std::shared_ptr<const service::Caller> Verify(const rpc::Peer& peer) const;

  const service::PeerTrust& trust_;
  const Clock& clock_;
  std::mutex mutex_;
  std::unordered_map<const rpc::Peer*, Known> known_;  ///< guarded by mutex_
};

}  // namespace signet::ca_rpc
