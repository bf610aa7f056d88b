#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/secret.h"
#include "core/spiffe/selector.h"
#include "core/spiffe/spiffe_id.h"
#include "workload-api/svids/rotation.h"

namespace signet::svids {

/// Entry is a registration entry as this agent may issue it.
struct Entry {
  std::string id;
  spiffe::SpiffeId spiffe_id;
  std::vector<spiffe::Selector> selectors = {};
  std::vector<spiffe::TrustDomain> federates_with = {};
  std::string hint = {};
  std::int64_t revision_number = 0;
  std::int64_t created_at = 0;
  std::int32_t x509_svid_ttl = 0;
  std::vector<std::string> dns_names = {};
  friend bool operator==(const Entry&, const Entry&) = default;
};

/// SameCertificate: a certificate issued for one also fits the other. Changing a hint, selectors or
/// federation costs no signature.
inline bool SameCertificate(const Entry& a, const Entry& b) {
  return a.created_at == b.created_at && a.spiffe_id == b.spiffe_id &&
         a.x509_svid_ttl == b.x509_svid_ttl && a.dns_names == b.dns_names;
}

/// WorkloadSvid is one issued X509-SVID with its key. Immutable and shared; the key was made on
/// this node.
struct WorkloadSvid {
  Bytes chain;  ///< concatenated DER, leaf first (WL-14)
  Secret key;   ///< PKCS#8 DER (WL-15)
  SvidTimes times;
  std::string authority_id;  ///< lower-case hex AuthorityKeyId of the leaf's root-most certificate
};

/// Identity is an entry with the SVID that is served for it; `svid` is null until the first one was
/// issued.
struct Identity {
  Entry entry;
  std::shared_ptr<const WorkloadSvid> svid = nullptr;
};

}  // namespace signet::svids
