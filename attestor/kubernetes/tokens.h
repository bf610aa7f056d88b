#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attestor/kubernetes/api.h"
#include "core/base/clock.h"
#include "core/base/result.h"

namespace signet::kubernetes {

/// ServiceAccountToken is what a verified token says of its bearer: a pod and its service account.
struct ServiceAccountToken {
  std::string namespace_name;
  std::string service_account;
  std::string service_account_uid;
  std::string pod_name;
  std::string pod_uid;
  std::string node_name = {};  ///< empty before Kubernetes 1.30; never trusted alone
  std::string node_uid = {};
  std::string id = {};  ///< jti; empty before Kubernetes 1.30
  SystemTime issued_at;
  SystemTime expires_at;
};

/// TokenVerifier decides on service account tokens. Safe for several threads; blocks on the
/// network.
///
/// PERMISSION_DENIED: the token is not believed, with the reason and never a byte of the token;
/// INVALID_ARGUMENT: it is no token at all (malformed, above 16 KiB). UNAVAILABLE: it could not be
/// judged (API server down, our own credential refused …): never a verdict.
class TokenVerifier {
 public:
  virtual ~TokenVerifier() = default;
  virtual Result<ServiceAccountToken> Verify(std::string_view token) = 0;
};

struct TokenRules {
  std::string audience = {};  ///< the one that a token must have, and no other beside it
  /// max_life is the longest `exp - iat` that is accepted: a year-long token is never ours
  /// (kubernetes.md §0.2).
  Duration max_life = std::chrono::hours(24);
  /// max_age bounds `now - iat` (remote mode); zero: unbounded.
  Duration max_age = Duration::zero();
};

/// NewReviewVerifier: the claims are checked first (form, audience, life, a pod; the signature when
/// the issuer's keys are at hand), then the API server decides by TokenReview (kubernetes.md §1.2).
/// `api`, `clock` and `logger` must outlive it.
std::unique_ptr<TokenVerifier> NewReviewVerifier(Api& api, TokenRules rules, const Clock& clock,
                                                 Logger& logger);

/// NewKeySetVerifier is the remote mode: signature, issuer, audience, times and pod claims by the
/// cluster's published keys alone (kubernetes.md §1.3). Deletions are not seen; max_age must be
/// set. `api`, `clock` and `logger` must outlive it.
struct KeySetOptions {
  TokenRules rules = {};
  std::string issuer = {};     ///< expected `iss`; empty: what the discovery document says
  std::string jwks_path = {};  ///< path of the keys at `api`; empty: /openid/v1/jwks
};
std::unique_ptr<TokenVerifier> NewKeySetVerifier(Api& api, KeySetOptions options,
                                                 const Clock& clock, Logger& logger);

/// TokenReuse: may a token that one holder (a key, an agent) has used be used by another?
enum class TokenReuse : std::uint8_t {
  kNever,          ///< not before it expires
  kAfterHalfLife,  ///< once what the first holder got for it has reached half its life
  kAlways          ///< as SPIRE does
};

/// TokenUses remembers who used a token first. Safe for several threads; forgets expired tokens;
/// bounded (above 100,000 the one that expires first is forgotten).
class TokenUses {
 public:
  TokenUses(TokenReuse reuse, const Clock& clock);
  ~TokenUses();
  /// Claim: PERMISSION_DENIED if another holder has the token. `rebind_after` is from when on
  /// another may have it under kAfterHalfLife. A token without an id is held by the hash of its
  /// text.
  Status Claim(const ServiceAccountToken& token, std::string_view text, std::string_view holder,
               SystemTime rebind_after);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace signet::kubernetes
