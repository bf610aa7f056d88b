#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/crypto/key.h"

namespace signet::test {

/// kTokenTime is the moment around which test tokens are valid: FakeClock's start.
inline constexpr std::int64_t kTokenTime = 1'790'000'000;

/// TokenClaimsJson gives the claims of a good pod-bound token as a real API server writes them, for
/// the audience "spiffe-ca", of the service account spire/agent. `patch` is an RFC 7396 merge patch
/// on it: null takes a claim away.
std::string TokenClaimsJson(std::string_view patch = "{}");

/// MergeClaims applies such a patch to other claims.
std::string MergeClaims(std::string_view claims, std::string_view patch);

/// TokenKey signs tokens as an API server does (RS256).
class TokenKey {
 public:
  explicit TokenKey(std::string id = "key-1");
  /// FromPem takes the key that an API server signs with: PEM of a private RSA key.
  static TokenKey FromPem(const std::string& file, std::string id);

  std::string Sign(std::string_view claims, std::string_view header_patch = "{}") const;
  /// Jwk and KeySet give the public half.
  std::string Jwk() const;
  std::string KeySet() const { return "{\"keys\":[" + Jwk() + "]}"; }
  const std::string& id() const { return id_; }

 private:
  TokenKey(std::string id, std::shared_ptr<const crypto::PrivateKey> key)
      : id_(std::move(id)), key_(std::move(key)) {}
  std::string id_;
  std::shared_ptr<const crypto::PrivateKey> key_;
};

}  // namespace signet::test
