#pragma once

// Private to core/crypto.

#include <string>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace signet::crypto {

/// JwkKey is the key part of a JSON Web Key (RFC 7518 §6), members in base64url. EC: crv, x, y;
/// RSA: n, e.
struct JwkKey {
  std::string kty;
  std::string crv = {};
  std::string x = {};
  std::string y = {};
  std::string n = {};
  std::string e = {};
};

/// JwkFromSpki splits an EC key on P-256, P-384 or P-521, or an RSA key. Bundles of other domains
/// may hold keys that PublicKey refuses; this checks form, not policy.
Result<JwkKey> JwkFromSpki(ByteView spki);

/// SpkiFromJwk puts it together again. SpkiFromJwk(JwkFromSpki(x)) == x.
Result<Bytes> SpkiFromJwk(const JwkKey& jwk);

}  // namespace signet::crypto
