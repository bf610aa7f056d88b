#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace signet::spiffe {

/// TrustDomain is the name of a trust domain, e.g. "example.org": 1 to 255 bytes of [a-z0-9.-_], without the scheme.
/// Value type: an object that exists is valid. Mixed case is refused, not folded (spiffe-specs ID-05, trap T1).
class TrustDomain {
 public:
  /// Parse takes the bare name ("example.org"). INVALID_ARGUMENT names the offending byte or length.
  static Result<TrustDomain> Parse(std::string_view name);
  /// ParseNameOrId also takes the ID form ("spiffe://example.org").
  static Result<TrustDomain> ParseNameOrId(std::string_view text);

  const std::string& name() const { return name_; }
  /// id gives "spiffe://" + name, without a trailing slash.
  std::string id() const { return "spiffe://" + name_; }

  friend auto operator<=>(const TrustDomain&, const TrustDomain&) = default;

 private:
  explicit TrustDomain(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

/// kMaxTrustDomainBytes bounds a trust domain name (ID-15).
inline constexpr std::size_t kMaxTrustDomainBytes = 255;

}  // namespace signet::spiffe
