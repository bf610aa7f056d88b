#include "workload-api/client/peer_judge.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/crypto/pem.h"
#include "core/crypto/x509_svid.h"

namespace signet::client {
namespace {

constexpr std::size_t kMaxRemembered = 4096;
// An authority that expires is noticed no later than this; the leaf's own end is, at once.
constexpr auto kVerifyAgain = std::chrono::seconds(10);

Result<std::vector<Bytes>> Decode(const PresentedChain& presented) {
  SIGNET_TRY_ASSIGN(std::vector<crypto::PemBlock> leaf, crypto::PemDecode(presented.leaf));
  if (leaf.size() != 1) {
    return Unauthenticated("the peer showed no certificate");
  }
  SIGNET_TRY_ASSIGN(std::vector<crypto::PemBlock> others, crypto::PemDecode(presented.others));
  std::vector<Bytes> chain;
  chain.push_back(std::move(leaf.front().content));
  for (crypto::PemBlock& block : others) {
    // A client's library lists the server's leaf again, a server's does not list the client's.
    if (block.content != chain.front()) {
      chain.push_back(std::move(block.content));
    }
  }
  return chain;
}

}  // namespace

PeerJudge::PeerJudge(std::shared_ptr<const X509Provider> source, Authorizer authorizer,
                     Options options)
    : source_(std::move(source)),
      authorizer_(std::move(authorizer)),
      options_(std::move(options)) {}

SystemTime PeerJudge::Now() const {
  return options_.clock != nullptr ? options_.clock->Now() : real_clock_.Now();
}

void PeerJudge::Refused(const Error& why) const noexcept {
  try {
    if (options_.on_refused) {
      options_.on_refused(why);
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch): a listener's failure changes nothing here
  }
}

bool PeerJudge::HasExpired(const X509Context& context, SystemTime now) {
  return context.default_identity().svid.leaf().not_after < now;
}

Result<X509Snapshot> PeerJudge::Ours() const {
  X509Snapshot snapshot = source_->Current();
  if (snapshot == nullptr) {
    return Unavailable("we have no identity");
  }
  if (HasExpired(*snapshot, Now())) {
    return Unavailable("our own identity has expired at " +
                       FormatTime(snapshot->default_identity().svid.leaf().not_after));
  }
  return snapshot;
}

Result<spiffe::SpiffeId> PeerJudge::AtHandshake(const PresentedChain& presented) const noexcept {
  const auto judge = [&]() -> Result<spiffe::SpiffeId> {
    SIGNET_TRY_ASSIGN(const X509Snapshot snapshot, Ours());
    SIGNET_TRY_ASSIGN(const std::vector<Bytes> chain, Decode(presented));
    SIGNET_TRY_ASSIGN(const crypto::X509Svid svid,
                      crypto::VerifyX509Svid(chain, snapshot->trust_stores, Now()));
    SIGNET_TRY(authorizer_.Authorize(svid.id));
    return svid.id;
  };
  try {
    auto judged = judge();
    if (!judged.ok()) {
      Refused(judged.error().Context("peer refused"));
    }
    return judged;
  } catch (...) {
    return Internal("an exception while a peer was judged");
  }
}

Result<spiffe::SpiffeId> PeerJudge::AtCall(const PresentedChain& presented,
                                           Expired expired) const noexcept {
  try {
    auto judged = Call(presented, expired);
    if (!judged.ok()) {
      Refused(judged.error().Context("call refused"));
    }
    return judged;
  } catch (...) {
    return Internal("an exception while a peer was judged");
  }
}

Result<spiffe::SpiffeId> PeerJudge::Call(const PresentedChain& presented, Expired expired) const {
  const X509Snapshot snapshot = source_->Current();
  if (snapshot == nullptr) {
    return Unavailable("we have no identity");
  }
  auto peer = Recall(snapshot, presented.leaf);
  if (!peer.ok()) {
    SIGNET_TRY_ASSIGN(const std::vector<Bytes> chain, Decode(presented));
    SIGNET_TRY_ASSIGN(const crypto::X509Svid shown, crypto::X509Svid::FromChain(chain));
    const SystemTime not_after = shown.leaf().not_after;
    // To libcrypto a certificate has ended in its last second already.
    const SystemTime at = std::min(Now(), not_after - std::chrono::seconds(1));
    SIGNET_TRY(crypto::VerifyX509Svid(chain, snapshot->trust_stores, at));
    peer = Verified{shown.id, not_after, Now()};
    Remember(snapshot, presented.leaf, *peer);
  }
  if (expired == Expired::kRefuse && peer->not_after < Now()) {
    return Unauthenticated("the certificate of " + peer->id.ToString() + " has expired at " +
                           FormatTime(peer->not_after) + " and the connection is still the same");
  }
  SIGNET_TRY(authorizer_.Authorize(peer->id));
  return peer->id;
}

Result<PeerJudge::Verified> PeerJudge::Recall(const X509Snapshot& snapshot,
                                              std::string_view leaf) const {
  const SystemTime now = Now();
  const std::lock_guard lock(mutex_);
  if (snapshot == remembered_for_) {
    const auto found = remembered_.find(leaf);
    if (found != remembered_.end() && found->second.verified <= now &&
        now < found->second.verified + kVerifyAgain) {
      return found->second;
    }
  }
  return NotFound("not verified lately");
}

void PeerJudge::Remember(const X509Snapshot& snapshot, std::string_view leaf,
                         Verified verified) const {
  const std::lock_guard lock(mutex_);
  if (snapshot != remembered_for_ || remembered_.size() >= kMaxRemembered) {
    remembered_.clear();
    remembered_for_ = snapshot;
  }
  remembered_.insert_or_assign(std::string(leaf), std::move(verified));
}

}  // namespace signet::client
