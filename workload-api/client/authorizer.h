#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/spiffe/spiffe_id.h"

namespace signet::client {

/// Authorizer decides whether a peer, whose identity is already proven, may talk to us. There is no
/// default: trust in everybody must be spelled out (AuthorizeAnyTrustedPeer). Cheap to copy; called
/// from any thread.
class Authorizer {
 public:
  /// Judge refuses with an error; its text is for our own log, the peer only sees a failed
  /// handshake.
  using Judge = std::function<Status(const spiffe::SpiffeId&)>;

  /// Status of the judge; a judge that throws refuses.
  Status Authorize(const spiffe::SpiffeId& id) const noexcept;

 private:
  explicit Authorizer(Judge judge) : judge_(std::move(judge)) {}
  friend Authorizer AuthorizeIf(Judge judge);
  Judge judge_;
};

/// AuthorizeId lets exactly this ID in.
Authorizer AuthorizeId(spiffe::SpiffeId id);
/// AuthorizeOneOf lets any of these IDs in; an empty list lets nobody in.
Authorizer AuthorizeOneOf(std::vector<spiffe::SpiffeId> ids);
/// AuthorizeMemberOf lets every identity of a trust domain in.
Authorizer AuthorizeMemberOf(spiffe::TrustDomain trust_domain);
/// AuthorizePathPrefix lets in what lies at or below a path of a trust domain, by whole segments:
/// "/ns/prod" means /ns/prod and /ns/prod/x, never /ns/production; "/ns/prod/" only what is below.
/// INVALID_ARGUMENT: no path ("" and "/" are a whole trust domain: say AuthorizeMemberOf).
Result<Authorizer> AuthorizePathPrefix(spiffe::TrustDomain trust_domain, std::string prefix);
/// AuthorizeAnyOf lets in whom one of these lets in; an empty list lets nobody in.
Authorizer AuthorizeAnyOf(std::vector<Authorizer> authorizers);
/// AuthorizeAnyTrustedPeer lets in whoever any known bundle vouches for, federated trust domains
/// included.
Authorizer AuthorizeAnyTrustedPeer();
/// AuthorizeIf asks a function of the caller; an empty function refuses everybody.
Authorizer AuthorizeIf(Authorizer::Judge judge);

}  // namespace signet::client
