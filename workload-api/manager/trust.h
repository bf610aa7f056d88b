#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/crypto/x509_svid.h"
#include "core/spiffe/bundle.h"

namespace signet::manager {

/// Trust is the agent's bundle of its own trust domain, ready to verify with.
class Trust {
 public:
  /// Create refuses a bundle without X.509 authorities: accepting it would cut the agent off for
  /// good.
  static Result<Trust> Create(spiffe::Bundle bundle);

  const spiffe::Bundle& bundle() const { return bundle_; }
  std::shared_ptr<const crypto::TrustStores> stores() const { return stores_; }
  bool IsTainted(const std::string& authority_id) const;

  /// VerifyIssued judges a chain that the server has just issued to us: a proper SVID, of a known
  /// authority. The node's clock is not allowed to spoil it: a moment outside the certificate's
  /// life is moved to its nearest end.
  Result<crypto::X509Svid> VerifyIssued(const std::vector<Bytes>& chain, SystemTime now) const;

 private:
  Trust(spiffe::Bundle bundle, std::shared_ptr<const crypto::TrustStores> stores);
  spiffe::Bundle bundle_;
  std::shared_ptr<const crypto::TrustStores> stores_;
  std::vector<std::string> tainted_;
};

/// AuthorityOf gives the lower-case hex id of the authority that signed the chain's last
/// certificate.
std::string AuthorityOf(const crypto::X509Svid& svid);

}  // namespace signet::manager
