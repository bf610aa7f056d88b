#include "ca/rpc/callers.h"

#include <utility>

namespace signet::ca_rpc {
namespace {

constexpr Duration kVerifyAgainAfter = std::chrono::minutes(1);

}  // namespace

std::shared_ptr<const service::Caller> Callers::Verify(const rpc::Peer& peer) const {
  auto caller = std::make_shared<service::Caller>();
  caller->local = peer.process != nullptr;
  caller->address = peer.address;
  if (peer.certificates.empty()) {
    return caller;
  }
  // The form alone: who it says to be. An expired chain must still be named, to be told so.
  const auto svid = crypto::X509Svid::FromChain(peer.certificates);
  if (!svid.ok()) {
    caller->distrust = svid.error();
    return caller;
  }
  caller->svid = service::CallerSvid{svid->id, svid->leaf().serial_decimal, svid->leaf().not_after};
  if (const auto verified = trust_.Verify(peer.certificates); !verified.ok()) {
    caller->distrust = verified.error();
  }
  return caller;
}

std::shared_ptr<const service::Caller> Callers::Identify(
    const std::shared_ptr<const rpc::Peer>& peer) {
  const std::uint64_t generation = trust_.generation();
  const MonoTime now = clock_.Mono();
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(peer.get());
    // The address of a peer that is gone may be another one's by now: the weak pointer tells.
    if (found != known_.end() && found->second.peer.lock() == peer &&
        found->second.generation == generation &&
        now - found->second.verified_at < kVerifyAgainAfter) {
      return found->second.caller;
    }
  }
  auto caller = Verify(*peer);
  const std::lock_guard lock(mutex_);
  known_[peer.get()] = Known{peer, caller, generation, now};
  return caller;
}

void Callers::Prune() {
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [](const auto& item) { return item.second.peer.expired(); });
}

}  // namespace signet::ca_rpc
