#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/crypto/certificate.h"
#include "core/spiffe/bundle.h"
#include "core/spiffe/spiffe_id.h"

struct x509_st;        // X509 of <openssl/x509.h>
struct stack_st_X509;  // STACK_OF(X509)

namespace signet::crypto {

/// X509Svid is a certificate chain whose leaf meets X509-SVID §2-§5.2 on its own (one valid URI SAN
/// with a path, not a CA, key usage with digitalSignature and without keyCertSign and cRLSign,
/// extended key usage with both serverAuth and clientAuth if any). Its other members are CA
/// certificates. It says nothing about who signed it; see VerifyX509Svid.
struct X509Svid {
  spiffe::SpiffeId id;
  std::vector<Certificate> chain;  ///< leaf first, at most 8

  const Certificate& leaf() const { return chain.front(); }

  /// Parse takes concatenated DER, leaf first (WL-14).
  static Result<X509Svid> Parse(ByteView concatenated_der);
  static Result<X509Svid> FromChain(const std::vector<Bytes>& chain_der);
};

/// Fingerprint names a certificate: the SHA-256 of its DER.
using Fingerprint = std::array<std::uint8_t, 32>;

/// TrustStore holds the X.509 authorities of one trust domain, ready for verification (one
/// X509_STORE each, never shared between trust domains: BUN-13, trap T11). Immutable; safe for
/// several threads.
class TrustStore {
 public:
  /// Create parses every authority; one that is no CA certificate is INVALID_ARGUMENT. An empty
  /// bundle is allowed and trusts nobody.
  static Result<std::shared_ptr<const TrustStore>> Create(const spiffe::Bundle& bundle);
  ~TrustStore();

  const spiffe::TrustDomain& trust_domain() const;
  /// authorities names what it holds.
  const std::set<Fingerprint>& authorities() const;

  struct Impl;
  explicit TrustStore(std::unique_ptr<Impl> impl);
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// TrustStores maps trust domains to their stores; a peer of a domain without one is not trusted
/// (WL-11).
using TrustStores = std::map<spiffe::TrustDomain, std::shared_ptr<const TrustStore>>;

/// VerifyX509Svid parses the chain, picks the store of the leaf's trust domain, and does RFC 5280
/// path validation at `now` plus the checks that OpenSSL leaves out (X509-02, X509-23 … X509-28).
/// INVALID_ARGUMENT: not an SVID; UNAUTHENTICATED: an SVID that is not trusted (unknown domain,
/// unknown signer, expired …), with the reason. Takes about 0.2 ms.
Result<X509Svid> VerifyX509Svid(const std::vector<Bytes>& chain_der, const TrustStores& stores,
                                SystemTime now);

/// VerifiedSvid is a peer that is trusted, and what it owes that to.
struct VerifiedSvid {
  X509Svid svid;
  Fingerprint authority;  ///< which one of its trust domain's authorities ended the path
};

/// VerifyPresented is VerifyX509Svid for a chain that the TLS library has read already; reading it
/// again would cost libcrypto more than the verification does. `others` are the certificates beside
/// the leaf, in their order; the leaf itself in front of them does no harm; may be null.
Result<VerifiedSvid> VerifyPresented(x509_st* leaf, const stack_st_X509* others,
                                     const TrustStores& stores, SystemTime now);

}  // namespace signet::crypto
