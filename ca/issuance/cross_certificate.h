#pragma once

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/result.h"
#include "core/crypto/certificate.h"
#include "core/crypto/key.h"
#include "core/spiffe/trust_domain.h"

namespace signet::issuance {

/// ForeignRoot is an X.509 authority of another trust domain that may be certified.
struct ForeignRoot {
  spiffe::TrustDomain trust_domain;
  crypto::Certificate certificate;
  crypto::PublicKey key;
  Bytes key_id;  ///< the root's, or computed where it has none
  /// The root names its trust domain under its own signature, and its key id is a hash of its key:
  /// no other trust domain can have made it so that it stands in for somebody else's.
  bool owns_its_name = false;
};

/// JudgeForeignRoot takes what a cross-certificate can stand for. FAILED_PRECONDITION says, for an
/// operator, what is in the way: no CA, expired, a key or signature of a kind that Signet does not
/// accept, a SPIFFE ID of another trust domain in it, limits of its own that would be lost, or a
/// trust domain whose name no constraint can express.
Result<ForeignRoot> JudgeForeignRoot(const spiffe::TrustDomain& trust_domain, ByteView der,
                                     SystemTime now);

/// CrossIssuer is the authority that certifies.
struct CrossIssuer {
  const crypto::Signer& key;
  const crypto::Certificate& ca;
  Random& random;
};

/// CrossCertify gives the root as a certificate of ours: subject, key and key id are the root's
/// byte for byte, so that chains of its trust domain end in it; critical name constraints admit
/// only URIs of that trust domain. It is valid while both the root and the authority are. What name
/// constraints cannot limit in a useful way stays free: the subject names of foreign certificates
/// (SPIRE gives every SVID one), and names of kinds that no server maps. Checked before it leaves.
Result<crypto::Certificate> CrossCertify(const CrossIssuer& issuer, const ForeignRoot& root,
                                         SystemTime now);

}  // namespace signet::issuance
