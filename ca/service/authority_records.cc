#include "ca/service/authority_records.h"

#include <algorithm>
#include <utility>

namespace signet::service {

Status AuthorityRecords::SaveAuthorities(const store::Journal& journal,
                                         const std::vector<spiffe::X509Authority>& add,
                                         const std::vector<Bytes>& remove) {
  return context_.registry.Transact([&]() -> Result<std::vector<store::Write>> {
    std::vector<store::Write> writes = {store::PutJournal{journal}};
    const BundlePtr known = context_.registry.FindBundle(context_.trust_domain);
    store::StoredBundle next{0, spiffe::Bundle{.trust_domain = context_.trust_domain}};
    if (known) {
      next = *known;
    }
    auto& authorities = next.bundle.x509_authorities;
    const auto is = [](const Bytes& der) {
      return [&der](const spiffe::X509Authority& authority) { return authority.der == der; };
    };
    bool changed = false;
    for (const Bytes& der : remove) {
      changed |= std::erase_if(authorities, is(der)) > 0;
    }
    for (const spiffe::X509Authority& authority : add) {
      if (std::none_of(authorities.begin(), authorities.end(), is(authority.der))) {
        authorities.push_back(authority);
        changed = true;
      }
    }
    if (changed) {
      // The first bundle has the number 0 (spire-api §13).
      next.bundle.sequence += known ? 1 : 0;
      next.row = known ? known->row : context_.registry.NewRow();
      writes.push_back(store::PutBundle{std::move(next)});
    }
    return writes;
  });
}

std::optional<spiffe::Bundle> AuthorityRecords::OwnBundle() const {
  const BundlePtr own = context_.registry.FindBundle(context_.trust_domain);
  return own ? std::optional(own->bundle) : std::nullopt;
}

bool AuthorityRecords::Acknowledged(const std::string& authority_id) const {
  return hub_.AllAcknowledged(authority_id);
}

store::Journal AuthorityRecords::Journal() const {
  return context_.registry.Read([](const RegistryTables& tables) { return tables.journal(); });
}

}  // namespace signet::service
