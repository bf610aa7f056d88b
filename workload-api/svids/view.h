#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/spiffe/selector.h"
#include "workload-api/svids/snapshot.h"

namespace signet::svids {

/// Holdings is what one set of selectors gets, as values, for services with a wire of their own.
struct Holdings {
  spiffe::TrustDomain trust_domain;  ///< of the agent
  /// Those with a living SVID, the default first; hints are unique.
  std::vector<std::shared_ptr<const Identity>> identities = {};
  /// X.509 authorities as concatenated DER: the own trust domain's and the federated ones'.
  std::map<spiffe::TrustDomain, std::shared_ptr<const Bytes>> bundles = {};
  CrossCertificates cross_certificates = {};  ///< of the federated ones that there are any of
};

/// View is what one set of selectors gets of a snapshot, ready for the wire. Streams with the same
/// selectors share it.
struct View {
  /// OK; PERMISSION_DENIED "no identity issued"; UNAVAILABLE: there is an identity, but no valid
  /// SVID of it yet.
  Status status = {};
  std::shared_ptr<const std::string> svids =
      nullptr;  ///< X509SVIDResponse; wiped when the last holder lets go
  std::shared_ptr<const std::string> bundles = nullptr;  ///< X509BundlesResponse
  std::shared_ptr<const Holdings> holdings = nullptr;    ///< null exactly when `bundles` is
};

/// MakeView selects, orders and serializes (WL-12 … WL-18, WL-22). SVIDs past their end are left
/// out. Of two identities with one hint the older is kept. The same input gives the same bytes.
View MakeView(const Snapshot& snapshot, const std::vector<spiffe::Selector>& selectors);

}  // namespace signet::svids
