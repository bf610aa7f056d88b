#include "core/spiffe/trust_domain.h"

#include "core/spiffe/text.h"

namespace signet::spiffe {

Result<TrustDomain> TrustDomain::Parse(std::string_view name) {
  if (name.empty()) {
    return InvalidArgument("trust domain is empty");
  }
  if (name.size() > kMaxTrustDomainBytes) {
    return InvalidArgument("trust domain is " + std::to_string(name.size()) + " bytes long; at most 255 are allowed");
  }
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!IsTrustDomainChar(name[i])) {
      return InvalidArgument("trust domain has " + QuoteByte(name[i]) + " at byte " + std::to_string(i) +
                             "; only a-z, 0-9, '.', '-' and '_' are allowed");
    }
  }
  return TrustDomain(std::string(name));
}

Result<TrustDomain> TrustDomain::ParseNameOrId(std::string_view text) {
  if (text.starts_with(kScheme)) {
    text.remove_prefix(kScheme.size());
  }
  return Parse(text);
}

}  // namespace signet::spiffe
