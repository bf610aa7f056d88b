#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ca/service/context.h"
#include "ca/service/input.h"
#include "core/spiffe/bundle.h"

namespace signet::service {

/// BundleInput is a bundle as an administrator sent it, unchecked.
struct BundleInput {
  std::string trust_domain = {};
  std::vector<Bytes> x509_authorities = {};
  std::vector<spiffe::JwtAuthority> jwt_authorities = {};
  std::int64_t refresh_hint = 0;
  std::uint64_t sequence_number = 0;
};

/// BundleFields picks what an update replaces.
struct BundleFields {
  bool x509_authorities = true;
  bool jwt_authorities = true;
  bool refresh_hint = true;
  bool sequence_number = true;
};

enum class DeleteBundleMode { kRestrict = 0, kDelete = 1, kDissociate = 2 };

struct BundleResult {
  Status status = {};
  BundlePtr bundle = {};
};

/// Bundles serves the own bundle and manages those of federated trust domains (spire-api §7.4).
/// Safe for several threads; writes block for the commit.
class Bundles {
 public:
  explicit Bundles(Context& context) : context_(context) {}

  std::int32_t Count() const;  ///< the own one included
  Result<BundlePtr> Own() const;
  /// AppendOwn adds authorities that are not there yet; the sequence rises only if one was new.
  Result<BundlePtr> AppendOwn(const BundleInput& input);

  Result<BundlePtr> Federated(const std::string& trust_domain) const;
  Result<Page<BundlePtr>> ListFederated(const PageRequest& page) const;
  BundleResult Create(const BundleInput& input);
  BundleResult Update(const BundleInput& input, const BundleFields& fields);
  BundleResult Set(const BundleInput& input);
  Status Delete(const std::string& trust_domain, DeleteBundleMode mode);

 private:
  Result<spiffe::TrustDomain> ParseFederated(const std::string& name) const;
  std::vector<EntryPtr> EntriesFederatingWith(const spiffe::TrustDomain& trust_domain) const;
  BundleResult Write(const BundleInput& input, const BundleFields& fields, bool create,
                     bool update);

  Context& context_;
};

}  // namespace signet::service
