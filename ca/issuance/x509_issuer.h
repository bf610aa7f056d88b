#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/result.h"
#include "core/crypto/certificate.h"
#include "core/crypto/key.h"
#include "core/spiffe/spiffe_id.h"

namespace signet::issuance {

struct ForeignRoot;

/// SubjectName is a distinguished name from policy. Empty parts are left out.
struct SubjectName {
  std::string country = {};
  std::string organization = {};
  std::string common_name = {};
};

/// CaParams describes a self-signed authority (spire-api §11, CA profile).
struct CaParams {
  spiffe::TrustDomain trust_domain;
  SubjectName subject = {"US", "SPIFFE", ""};
  Duration ttl = std::chrono::hours(24);
};

/// SelfSignCa makes the certificate of a new authority for a key: notBefore = now - 10 s, notAfter
/// = now + ttl.
Result<crypto::Certificate> SelfSignCa(const crypto::Signer& key, const CaParams& params,
                                       SystemTime now, Random& random);

/// SvidParams is all that shapes an X509-SVID: a public key from the request, every other byte from
/// policy.
struct SvidParams {
  const crypto::PublicKey& public_key;
  const spiffe::SpiffeId& spiffe_id;
  Duration ttl;                             ///< > 0; notAfter is capped at the authority's
  std::vector<std::string> dns_names = {};  ///< workloads; the first becomes the CN
  std::optional<Bytes> subject = {};  ///< MintX509SVID: the CSR's Name, DER; else C=US, O=SPIRE
};

/// IssuedSvid is a finished, checked certificate and the chain to present with it.
struct IssuedSvid {
  Bytes certificate;         ///< DER
  std::vector<Bytes> chain;  ///< leaf first; the self-signed root is not in it
  std::string serial_decimal;
  SystemTime not_before;
  SystemTime not_after;
};

/// X509Issuer signs SVIDs with one authority. Immutable; safe for several threads. Server, agent
/// and workload SVIDs share one profile and differ in their ID, which the caller has decided; IDs
/// outside the trust domain, without a path, or (unless allowed by the kind) reserved are refused
/// here once more.
class X509Issuer {
 public:
  enum class Kind { kServer, kAgent, kWorkload };

  /// Create checks that key and certificate belong together and that the certificate is a CA of the
  /// trust domain. `random` gives the serial numbers and must outlive the issuer.
  static Result<std::shared_ptr<const X509Issuer>> Create(const spiffe::TrustDomain& trust_domain,
                                                          const crypto::Certificate& ca,
                                                          std::shared_ptr<const crypto::Signer> key,
                                                          Random& random);
  ~X509Issuer();

  /// Issue patches a TBS template, signs once, and checks the finished certificate against its own
  /// parameters before it leaves. FAILED_PRECONDITION once the authority has expired.
  Result<IssuedSvid> Issue(Kind kind, const SvidParams& params, SystemTime now) const;

  /// CrossCertify certifies the root of another trust domain with this authority; see
  /// cross_certificate.h.
  Result<crypto::Certificate> CrossCertify(const ForeignRoot& root, SystemTime now) const;

  const crypto::Certificate& authority() const;
  /// authority_id is the lower-case hex SubjectKeyId.
  const std::string& authority_id() const;

  struct Impl;
  explicit X509Issuer(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace signet::issuance
