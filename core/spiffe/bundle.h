#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/spiffe/trust_domain.h"

namespace signet::spiffe {

/// X509Authority is one CA certificate of a bundle.
struct X509Authority {
  Bytes der;             ///< exactly one certificate
  bool tainted = false;  ///< what it signed must be re-issued
  friend bool operator==(const X509Authority&, const X509Authority&) = default;
};

/// JwtAuthority is one JWT signing key of a bundle.
struct JwtAuthority {
  Bytes spki;                   ///< SubjectPublicKeyInfo, DER
  std::string key_id;           ///< never empty
  std::int64_t expires_at = 0;  ///< Unix seconds, 0: not stated
  bool tainted = false;
  friend bool operator==(const JwtAuthority&, const JwtAuthority&) = default;
};

/// Bundle is the set of authorities of one trust domain. Order is the order of publication.
/// This type checks nothing about the certificates; core/crypto's codec and TrustStore do.
struct Bundle {
  TrustDomain trust_domain;
  std::vector<X509Authority> x509_authorities = {};
  std::vector<JwtAuthority> jwt_authorities = {};
  std::uint64_t sequence = 0;         ///< rises by one at every change (BUN-02)
  std::int64_t refresh_hint_seconds = 0;  ///< 0: none
  friend bool operator==(const Bundle&, const Bundle&) = default;
};

}  // namespace signet::spiffe
