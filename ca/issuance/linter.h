#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/crypto/certificate.h"
#include "core/crypto/key.h"
#include "core/spiffe/spiffe_id.h"

namespace signet::issuance {

/// Violations are sentences that start with the row of the standard they break ("X509-12: …"), or
/// with "profile:" for what only Signet's own profile asks (spire-api §11).
using Violations = std::vector<std::string>;

/// LintCa judges an authority of a trust domain: rows X509-06 … X509-08, X509-11, X509-15,
/// X509-16, X509-19, X509-22.
Violations LintCa(const crypto::Certificate& ca, const spiffe::TrustDomain& trust_domain);

/// SvidExpectation is what a finished SVID must say.
struct SvidExpectation {
  const crypto::Certificate& ca;
  const crypto::PublicKey& public_key;
  const spiffe::SpiffeId& spiffe_id;
  const std::vector<std::string>& dns_names;
  SystemTime not_before;
  SystemTime not_after;
};

/// LintSvid judges a leaf against its own parameters: rows X509-01, X509-04, X509-05, X509-08,
/// X509-12, X509-13, X509-15, X509-17, X509-18, X509-20, X509-21. It does not check the signature,
/// so that it can run on every certificate.
Violations LintSvid(const crypto::Certificate& svid, const SvidExpectation& want);

/// LintSignature checks that the authority's key made the signature (X509-23).
Violations LintSignature(const crypto::Certificate& certificate, const crypto::Certificate& ca);

/// LintStatus is OK without violations, else INTERNAL that lists them: a bug of ours, since every
/// byte comes from policy.
Status LintStatus(const Violations& violations);

}  // namespace signet::issuance
