#include "ca/service/cross_certificates.h"

#include <algorithm>
#include <set>

namespace signet::service {
namespace {

constexpr std::size_t kBundlesAtOnce = 256;

/// Place is where a chain looks for its issuer: verifiers take whatever has this name and key id,
/// and do not look for another when its key does not fit.
using Place = std::pair<Bytes, Bytes>;

Place PlaceOf(const issuance::ForeignRoot& root) { return {root.certificate.subject, root.key_id}; }

}  // namespace

CrossCertificates::CrossCertificates(Context& context, ChangeHub& hub, IssuerSource issuer)
    : context_(context),
      hub_(hub),
      issuer_(std::move(issuer)),
      snapshot_(std::make_shared<const Snapshot>()) {
  Refresh();
}

void CrossCertificates::RefreshAndTell() {
  if (Refresh()) {
    hub_.TouchAll();
  }
}

std::shared_ptr<const CrossCertificates::Snapshot> CrossCertificates::current() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

bool CrossCertificates::Refresh() {
  const std::lock_guard refreshing(refresh_);
  const std::vector<BundlePtr> bundles = ForeignBundles();
  Items items = Judge(bundles);
  LeaveOutDoubles(items);
  LeaveOutOurs(items);
  Certify(items);
  auto next = Take(bundles, items);
  items_ = std::move(items);
  const std::shared_ptr<const Snapshot> before = current();
  const bool changed = !std::equal(
      before->begin(), before->end(), next->begin(), next->end(),
      [](const auto& a, const auto& b) { return a.first == b.first && *a.second == *b.second; });
  if (!changed) {
    return false;
  }
  Tell(*before, *next);
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(next);
  return true;
}

std::vector<BundlePtr> CrossCertificates::ForeignBundles() const {
  std::vector<BundlePtr> foreign;
  std::int64_t row = 0;
  for (;;) {
    const std::vector<BundlePtr> some = context_.registry.BundlesAfter(row, kBundlesAtOnce);
    if (some.empty()) {
      return foreign;
    }
    row = some.back()->row;
    std::copy_if(some.begin(), some.end(), std::back_inserter(foreign), [this](const auto& stored) {
      return stored->bundle.trust_domain != context_.trust_domain;
    });
  }
}

/// Judge takes over the verdicts that stand, and judges what is new. Reasons are found again each
/// time: they may be another's doing.
CrossCertificates::Items CrossCertificates::Judge(const std::vector<BundlePtr>& bundles) {
  const SystemTime now = context_.clock.Now();
  Items items;
  for (const BundlePtr& stored : bundles) {
    const spiffe::TrustDomain& trust_domain = stored->bundle.trust_domain;
    for (const spiffe::X509Authority& authority : stored->bundle.x509_authorities) {
      const Key key(trust_domain, authority.der);
      const auto known = items_.find(key);
      Item item = known != items_.end() ? known->second : Item{};
      item.left_out.clear();
      if (!item.root || item.root->certificate.not_after <= now) {
        auto root = issuance::JudgeForeignRoot(trust_domain, authority.der, now);
        item = root.ok() ? Item{.root = std::move(root).value()}
                         : Item{.left_out = root.error().message};
      }
      items.insert_or_assign(key, std::move(item));
    }
  }
  return items;
}

/// LeaveOutOurs: a root with the name of one of our authorities would stand in its place, and a
/// cross-certificate for it would be taken for a self-signed root by verifiers that only compare
/// names (Erlang's), and its constraints for nothing.
void CrossCertificates::LeaveOutOurs(Items& items) const {
  std::set<Bytes> subjects;
  if (const BundlePtr own = context_.registry.FindBundle(context_.trust_domain)) {
    for (const spiffe::X509Authority& authority : own->bundle.x509_authorities) {
      if (const auto ca = crypto::Certificate::Parse(authority.der); ca.ok()) {
        subjects.insert(ca->subject);
      }
    }
  }
  for (auto& [key, item] : items) {
    if (item.root && subjects.contains(item.root->certificate.subject)) {
      item.left_out = "its subject is that of an authority of " + context_.trust_domain.name();
    }
  }
}

/// LeaveOutDoubles: of several authorities in one place a verifier may take any. Where nobody but
/// its owner can have made one of them the others go, lest a foreign bundle stop somebody else's
/// SVIDs from being verified; otherwise all stay. Of one trust domain's certificates for one key
/// the one that lives longest is enough.
void CrossCertificates::LeaveOutDoubles(Items& items) {
  std::map<Place, std::string> owners;
  std::map<std::pair<spiffe::TrustDomain, Place>, const Item*> longest;
  for (const auto& [key, item] : items) {
    if (!item.root) {
      continue;
    }
    const Place place = PlaceOf(*item.root);
    if (item.root->owns_its_name) {
      owners[place] = key.first.name();
    }
    const Item*& best = longest[{key.first, place}];
    if (best == nullptr || best->root->certificate.not_after < item.root->certificate.not_after) {
      best = &item;
    }
  }
  for (auto& [key, item] : items) {
    if (!item.root) {
      continue;
    }
    const Place place = PlaceOf(*item.root);
    const auto owner = owners.find(place);
    if (owner != owners.end() && owner->second != key.first.name()) {
      item.left_out = "its subject and key id are those of an authority of " + owner->second;
    } else if (longest[{key.first, place}] != &item) {
      item.left_out = "another authority of the bundle has its subject and key, and lives longer";
    }
  }
}

void CrossCertificates::Certify(Items& items) const {
  const std::shared_ptr<const issuance::X509Issuer> issuer = issuer_();
  for (auto& [key, item] : items) {
    if (!item.root || !item.left_out.empty() || item.issuer == issuer->authority_id()) {
      continue;
    }
    item.certificate.clear();
    item.issuer.clear();
    auto made = issuer->CrossCertify(*item.root, context_.clock.Now());
    if (!made.ok()) {
      item.left_out = made.error().message;
      continue;
    }
    item.certificate = std::move(made->der);
    item.issuer = issuer->authority_id();
  }
}

std::shared_ptr<const CrossCertificates::Snapshot> CrossCertificates::Take(
    const std::vector<BundlePtr>& bundles, const Items& items) const {
  auto snapshot = std::make_shared<Snapshot>();
  for (const BundlePtr& stored : bundles) {
    OfTrustDomain of;
    std::size_t number = 0;
    for (const spiffe::X509Authority& authority : stored->bundle.x509_authorities) {
      ++number;
      const Item& item = items.at({stored->bundle.trust_domain, authority.der});
      if (item.left_out.empty()) {
        of.certificates.push_back(item.certificate);
      } else {
        of.left_out.push_back("X.509 authority " + std::to_string(number) + " of " +
                              stored->bundle.trust_domain.name() + ": " + item.left_out);
      }
    }
    snapshot->emplace(stored->bundle.trust_domain,
                      std::make_shared<const OfTrustDomain>(std::move(of)));
  }
  return snapshot;
}

void CrossCertificates::Tell(const Snapshot& before, const Snapshot& after) const {
  for (const auto& [trust_domain, of] : after) {
    const auto old = before.find(trust_domain);
    if (old != before.end() && *old->second == *of) {
      continue;
    }
    context_.logger.Info("cross-certificates made", {{"trust_domain", trust_domain.name()},
                                                     {"count", of->certificates.size()}});
    for (const std::string& reason : of->left_out) {
      if (old == before.end() ||
          std::find(old->second->left_out.begin(), old->second->left_out.end(), reason) ==
              old->second->left_out.end()) {
        context_.logger.Warn(
            "no cross-certificate for a foreign authority: servers that take one file of CA "
            "certificates will not know its trust domain's SVIDs",
            {{"reason", reason}});
      }
    }
  }
}

}  // namespace signet::service
