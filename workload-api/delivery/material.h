#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/spiffe/spiffe_id.h"
#include "core/spiffe/trust_domain.h"

namespace signet::delivery {

/// Material is one identity with all that goes into files: from one update of its source, so that
/// its parts fit each other. Immutable; shared by pointer.
struct Material {
  spiffe::SpiffeId id;
  std::string hint = {};          ///< may be empty
  std::vector<Bytes> chain = {};  ///< DER, leaf first; roots are not in it
  Secret key = {};                ///< PKCS#8, DER
  SystemTime not_before = {};     ///< of the leaf
  SystemTime not_after = {};
  /// X.509 authorities, DER, of each trust domain: the identity's own and those it federates with.
  std::map<spiffe::TrustDomain, std::vector<Bytes>> bundles = {};
  /// For each foreign trust domain its authorities, issued anew by our CA under name constraints
  /// that admit only that trust domain. A source that has no such certificates (a stock agent)
  /// leaves this empty.
  std::map<spiffe::TrustDomain, std::vector<Bytes>> cross_certificates = {};
};

/// CheckUsable refuses what would break a server that works: the key must fit the leaf, the leaf
/// must be an X509-SVID that is valid at `now` and chains to a root of its own trust domain.
/// FAILED_PRECONDITION says which of these.
Status CheckUsable(const Material& material, SystemTime now);

}  // namespace signet::delivery
