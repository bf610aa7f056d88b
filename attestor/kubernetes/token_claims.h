#pragma once

// Private to attestor/kubernetes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attestor/kubernetes/tokens.h"
#include "core/crypto/jws.h"

namespace signet::kubernetes {

/// kClockSkew is how far a cluster's clock may be from ours.
inline constexpr Duration kClockSkew = std::chrono::seconds(60);

enum class TokenBinding : std::uint8_t { kNone, kPod, kNode, kSecret };

/// TokenClaims is what a service account token says (kubernetes.md §1.1), well formed and not yet
/// believed.
struct TokenClaims {
  ServiceAccountToken token;  ///< the pod's fields are empty unless it is bound to one
  std::string issuer;
  std::vector<std::string> audiences;
  std::optional<SystemTime> not_before = {};
  TokenBinding binding = TokenBinding::kNone;
  /// extended: the API server has made an hour a year, for old clients of its own (`warnafter`).
  bool extended = false;
};

/// ParseClaims reads a token's payload. INVALID_ARGUMENT: malformed, or a name or uid of a form
/// that Kubernetes never gives it. PERMISSION_DENIED: a token of another kind (not a service
/// account's, or one that never expires).
Result<TokenClaims> ParseClaims(std::string_view json);

/// CheckClaims applies the rules that need nobody's word but the token's. PERMISSION_DENIED names
/// the rule that is broken.
Status CheckClaims(const TokenClaims& claims, const TokenRules& rules, SystemTime now);

/// UnverifiedToken is a token taken apart.
struct UnverifiedToken {
  crypto::Jws jws;
  TokenClaims claims;
};
/// ReadToken parses a token and checks its claims. What is longer than 16 KiB is not looked into.
Result<UnverifiedToken> ReadToken(std::string_view text, const TokenRules& rules, SystemTime now);

}  // namespace signet::kubernetes
