#include "ca/service/peer_trust.h"

#include <algorithm>
#include <set>
#include <utility>

namespace signet::service {

PeerTrust::PeerTrust(Context& context, std::vector<spiffe::SpiffeId> admin_ids)
    : context_(context),
      admin_ids_(std::move(admin_ids)),
      stores_(std::make_shared<const crypto::TrustStores>()) {
  Refresh();
}

void PeerTrust::Refresh() {
  std::set<spiffe::TrustDomain> wanted = {context_.trust_domain};
  for (const spiffe::SpiffeId& admin : admin_ids_) {
    wanted.insert(admin.trust_domain());
  }
  auto stores = std::make_shared<crypto::TrustStores>();
  for (const spiffe::TrustDomain& trust_domain : wanted) {
    const BundlePtr bundle = context_.registry.FindBundle(trust_domain);
    if (!bundle) {
      continue;
    }
    auto store = crypto::TrustStore::Create(bundle->bundle);
    if (!store.ok()) {
      context_.logger.Error("bundle is not usable; its peers are refused",
                            {{"trust_domain", trust_domain.name()}, {"error", store.error()}});
      continue;
    }
    stores->emplace(trust_domain, std::move(store).value());
  }
  const std::lock_guard lock(mutex_);
  stores_ = std::move(stores);
  generation_.fetch_add(1, std::memory_order_acq_rel);
}

bool PeerTrust::Admits(const spiffe::SpiffeId& id) const {
  return id.trust_domain() == context_.trust_domain ||
         std::find(admin_ids_.begin(), admin_ids_.end(), id) != admin_ids_.end();
}

Result<crypto::X509Svid> PeerTrust::Verify(const std::vector<Bytes>& chain) const {
  std::shared_ptr<const crypto::TrustStores> stores;
  {
    const std::lock_guard lock(mutex_);
    stores = stores_;
  }
  SIGNET_TRY_ASSIGN(crypto::X509Svid svid,
                    crypto::VerifyX509Svid(chain, *stores, context_.clock.Now()));
  if (!Admits(svid.id)) {
    return Unauthenticated("\"" + svid.id.ToString() +
                           "\" is neither of this trust domain nor a configured administrator");
  }
  return svid;
}

}  // namespace signet::service
