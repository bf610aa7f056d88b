#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ca/issuance/cross_certificate.h"
#include "ca/service/attestation.h"
#include "ca/service/change_hub.h"
#include "ca/service/context.h"

namespace signet::service {

/// CrossCertificates keeps, for each X.509 authority of each foreign bundle, a certificate by our
/// ACTIVE authority that binds it to its trust domain. Nothing is stored: after a restart they are
/// made again, and mean the same. Their end is that of the authority or of the foreign root,
/// whichever is first, so they are made anew when one of the two is replaced and never in between.
/// Safe for several threads.
class CrossCertificates {
 public:
  struct OfTrustDomain {
    std::vector<Bytes> certificates = {};    ///< DER, in the order of the bundle
    std::vector<std::string> left_out = {};  ///< which authority has none, and why
    friend bool operator==(const OfTrustDomain&, const OfTrustDomain&) = default;
  };
  /// Every foreign trust domain that has a bundle is in it.
  using Snapshot = std::map<spiffe::TrustDomain, std::shared_ptr<const OfTrustDomain>>;

  CrossCertificates(Context& context, ChangeHub& hub, IssuerSource issuer);

  /// Refresh makes what is missing; call it after every change of a bundle or of the ACTIVE
  /// authority, and now and then for roots that expire. True if anything changed. One costs about
  /// 0.3 ms; what has not changed costs nothing.
  bool Refresh();
  /// RefreshAndTell also pushes to the watching agents if anything changed: for what no commit
  /// tells them of.
  void RefreshAndTell();
  std::shared_ptr<const Snapshot> current() const;

 private:
  /// Item is one authority of a foreign bundle: its verdict, and what was made of it.
  struct Item {
    std::optional<issuance::ForeignRoot> root = {};
    std::string left_out = {};
    Bytes certificate = {};
    std::string issuer = {};  ///< authority id of what made `certificate`
  };
  using Key = std::pair<spiffe::TrustDomain, Bytes>;  ///< and the authority's DER
  using Items = std::map<Key, Item>;

  std::vector<BundlePtr> ForeignBundles() const;
  Items Judge(const std::vector<BundlePtr>& bundles);
  static void LeaveOutDoubles(Items& items);
  void LeaveOutOurs(Items& items) const;
  void Certify(Items& items) const;
  std::shared_ptr<const Snapshot> Take(const std::vector<BundlePtr>& bundles,
                                       const Items& items) const;
  void Tell(const Snapshot& before, const Snapshot& after) const;

  Context& context_;
  ChangeHub& hub_;
  const IssuerSource issuer_;
  std::mutex refresh_;  ///< one Refresh at a time
  Items items_;         ///< guarded by refresh_
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;  ///< guarded by mutex_
};

}  // namespace signet::service
