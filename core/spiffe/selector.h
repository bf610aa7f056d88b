#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace signet::spiffe {

/// Selector is one attested property, "type:value" (e.g. "unix:uid:1000" is type "unix", value "uid:1000").
/// The type is non-empty and has no ':'; the value is non-empty (spire-api §5).
struct Selector {
  std::string type;
  std::string value;

  /// Create checks both parts. INVALID_ARGUMENT says what is wrong.
  static Result<Selector> Create(std::string type, std::string value);
  /// Parse splits "type:value" at the first ':'.
  static Result<Selector> Parse(std::string_view text);

  std::string ToString() const { return type + ":" + value; }
  friend auto operator<=>(const Selector&, const Selector&) = default;
};

/// IsSubset: every selector of wanted is among have. Neither needs to be sorted.
bool IsSubset(const std::vector<Selector>& wanted, const std::vector<Selector>& have);

/// SameSet: both hold the same selectors, whatever their order.
bool SameSet(const std::vector<Selector>& a, const std::vector<Selector>& b);

}  // namespace signet::spiffe
