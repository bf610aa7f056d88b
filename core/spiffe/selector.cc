#include "core/spiffe/selector.h"

#include <algorithm>

namespace signet::spiffe {

Result<Selector> Selector::Create(std::string type, std::string value) {
  if (type.empty()) {
    return InvalidArgument("selector type is empty");
  }
  if (type.find(':') != std::string::npos) {
    return InvalidArgument("selector type contains ':'");
  }
  if (value.empty()) {
    return InvalidArgument("selector value is empty");
  }
  return Selector{std::move(type), std::move(value)};
}

Result<Selector> Selector::Parse(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return InvalidArgument("selector \"" + std::string(text) + "\" must be written type:value");
  }
  return Create(std::string(text.substr(0, colon)), std::string(text.substr(colon + 1)));
}

bool IsSubset(const std::vector<Selector>& wanted, const std::vector<Selector>& have) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const Selector& selector) {
    return std::find(have.begin(), have.end(), selector) != have.end();
  });
}

bool SameSet(const std::vector<Selector>& a, const std::vector<Selector>& b) {
  return IsSubset(a, b) && IsSubset(b, a);
}

}  // namespace signet::spiffe
