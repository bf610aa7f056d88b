#include "workload-api/manager/trust.h"

#include <algorithm>

#include "core/base/encoding.h"
#include "workload-api/svids/cache.h"

namespace signet::manager {

Trust::Trust(spiffe::Bundle bundle, std::shared_ptr<const crypto::TrustStores> stores)
    : bundle_(std::move(bundle)),
      stores_(std::move(stores)),
      tainted_(svids::AuthorityIds(bundle_, /*tainted_only=*/true)) {}

Result<Trust> Trust::Create(spiffe::Bundle bundle) {
  if (bundle.x509_authorities.empty()) {
    return InvalidArgument("the trust bundle of " + bundle.trust_domain.name() +
                           " holds no X.509 authority");
  }
  SIGNET_TRY_ASSIGN(auto store, crypto::TrustStore::Create(bundle));
  auto stores = std::make_shared<crypto::TrustStores>();
  stores->emplace(bundle.trust_domain, std::move(store));
  return Trust(std::move(bundle), std::move(stores));
}

bool Trust::IsTainted(const std::string& authority_id) const {
  return std::find(tainted_.begin(), tainted_.end(), authority_id) != tainted_.end();
}

Result<crypto::X509Svid> Trust::VerifyIssued(const std::vector<Bytes>& chain,
                                             SystemTime now) const {
  SIGNET_TRY_ASSIGN(const crypto::X509Svid svid, crypto::X509Svid::FromChain(chain));
  const SystemTime judged_at = std::clamp(now, svid.leaf().not_before,
                                          std::max(svid.leaf().not_before, svid.leaf().not_after));
  return crypto::VerifyX509Svid(chain, *stores_, judged_at);
}

std::string AuthorityOf(const crypto::X509Svid& svid) {
  return HexEncode(svid.chain.back().authority_key_id);
}

}  // namespace signet::manager
