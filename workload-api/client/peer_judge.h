#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/spiffe/spiffe_id.h"
#include "workload-api/client/authorizer.h"
#include "workload-api/client/x509_source.h"

namespace signet::client {

/// PresentedChain is what a peer showed, in PEM as the gRPC library hands it on.
struct PresentedChain {
  std::string_view leaf;
  std::string_view others;  ///< as sent; the leaf in front of it does no harm
};

/// PeerJudge decides about peers of the gRPC bindings, at a handshake and again at each call. It
/// knows no gRPC. Safe for several threads; never blocks.
class PeerJudge {
 public:
  struct Options {
    const Clock* clock = nullptr;  ///< null: the machine's clock; else it outlives the judge
    std::function<void(const Error&)> on_refused = {};
  };
  PeerJudge(std::shared_ptr<const X509Provider> source, Authorizer authorizer, Options options);

  /// AtHandshake: the peer's ID when it is trusted by the bundle of its trust domain as it is now,
  /// and authorized. UNAVAILABLE when we have no valid identity ourselves. `on_refused` hears every
  /// refusal; an exception refuses.
  Result<spiffe::SpiffeId> AtHandshake(const PresentedChain& chain) const noexcept;

  enum class Expired { kRefuse, kTolerate };
  /// AtCall judges a peer again that a handshake has let in: PERMISSION_DENIED, UNAUTHENTICATED or
  /// UNAVAILABLE as AtHandshake. An expired certificate may be tolerated, a removed root never is.
  /// What was verified lately against the same bundles is not verified again (under 2 µs).
  Result<spiffe::SpiffeId> AtCall(const PresentedChain& chain, Expired expired) const noexcept;

  /// Ours is the source's state of the moment; UNAVAILABLE without a valid identity in it.
  Result<X509Snapshot> Ours() const;
  static bool HasExpired(const X509Context& context, SystemTime now);
  SystemTime Now() const;
  /// Refused tells `on_refused`; its exceptions change nothing.
  void Refused(const Error& why) const noexcept;

 private:
  struct Verified {
    spiffe::SpiffeId id;
    SystemTime not_after;
    SystemTime verified;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  Result<spiffe::SpiffeId> Call(const PresentedChain& chain, Expired expired) const;
  Result<Verified> Recall(const X509Snapshot& snapshot, std::string_view leaf) const;
  void Remember(const X509Snapshot& snapshot, std::string_view leaf, Verified verified) const;

  const std::shared_ptr<const X509Provider> source_;
  const Authorizer authorizer_;
  const Options options_;
  const RealClock real_clock_;
  mutable std::mutex mutex_;
  mutable X509Snapshot remembered_for_;  // what is remembered holds for this snapshot alone
  mutable std::unordered_map<std::string, Verified, Hash, std::equal_to<>> remembered_;
};

}  // namespace signet::client
