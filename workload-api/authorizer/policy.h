#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/spiffe/spiffe_id.h"
#include "workload-api/authorizer/certificate_header.h"

namespace signet::authorizer {

/// IdPattern is one line of an allow list: one SPIFFE ID ("spiffe://td/web"), all below a path
/// ("spiffe://td/shop/*": /shop/a and /shop/a/b, neither /shop nor /shopping), or all of a trust
/// domain ("spiffe://td/*"). A star stands nowhere else. Value type.
class IdPattern {
 public:
  static Result<IdPattern> Parse(std::string_view text);
  bool Matches(const spiffe::SpiffeId& id) const;

 private:
  IdPattern(spiffe::TrustDomain trust_domain, std::string path, bool below)
      : trust_domain_(std::move(trust_domain)), path_(std::move(path)), below_(below) {}
  spiffe::TrustDomain trust_domain_;
  std::string path_;  ///< with `below_` it ends with '/'
  bool below_;
};

/// Chain says what proves a certificate.
enum class Chain {
  kVerify,               ///< a path to the bundle of its trust domain, always
  kLeafOnlyTrustsProxy,  ///< the proxy's word, where the issuer is not in that bundle
};

/// ParseChain takes "verify" or "leaf_only_trusts_proxy".
Result<Chain> ParseChain(std::string_view name);

/// Policy is one name that proxies ask under.
struct Policy {
  std::string name;
  std::vector<IdPattern> allow = {};  ///< empty: nobody
  std::string certificate_header =
      {};                         ///< the only one that is looked at; the proxy must overwrite it
  std::string chain_header = {};  ///< intermediates, if the proxy passes them apart; empty: none
  Format format = Format::kPem;
  Chain chain = Chain::kVerify;
  std::vector<std::uint32_t> users =
      {};  ///< who may ask, by uid; empty: whoever reaches the socket

  bool Allows(const spiffe::SpiffeId& id) const;
  bool MayAsk(std::uint32_t uid) const;
};

/// IsPolicyName: 1 to 64 of letters, digits, '.', '-' and '_', so that it needs no escapes in a
/// URL.
bool IsPolicyName(std::string_view name);

}  // namespace signet::authorizer
