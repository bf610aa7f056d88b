#include "workload-api/authorizer/policy.h"

#include <algorithm>

namespace signet::authorizer {
namespace {

constexpr std::size_t kMaxPolicyName = 64;
constexpr std::string_view kBelow = "/*";

}  // namespace

Result<IdPattern> IdPattern::Parse(std::string_view text) {
  const bool below = text.ends_with(kBelow);
  auto id = spiffe::SpiffeId::Parse(below ? text.substr(0, text.size() - kBelow.size()) : text);
  if (!id.ok()) {
    const std::string hint =
        text.find('*') == std::string_view::npos || below ? "" : "; a star may only end it, as /*";
    return InvalidArgument(id.error().message + hint);
  }
  if (!below && !id->has_path()) {
    return InvalidArgument("a trust domain alone is no workload's ID; for all of its IDs write " +
                           id->ToString() + "/*");
  }
  return IdPattern(id->trust_domain(), id->path() + (below ? "/" : ""), below);
}

bool IdPattern::Matches(const spiffe::SpiffeId& id) const {
  if (id.trust_domain() != trust_domain_) {
    return false;
  }
  return below_ ? id.path().starts_with(path_) : id.path() == path_;
}

Result<Chain> ParseChain(std::string_view name) {
  if (name == "verify") {
    return Chain::kVerify;
  }
  if (name == "leaf_only_trusts_proxy") {
    return Chain::kLeafOnlyTrustsProxy;
  }
  return InvalidArgument("expects \"verify\" or \"leaf_only_trusts_proxy\"");
}

bool Policy::Allows(const spiffe::SpiffeId& id) const {
  return std::any_of(allow.begin(), allow.end(),
                     [&](const IdPattern& pattern) { return pattern.Matches(id); });
}

bool Policy::MayAsk(std::uint32_t uid) const {
  return users.empty() || std::find(users.begin(), users.end(), uid) != users.end();
}

bool IsPolicyName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxPolicyName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_';
         });
}

}  // namespace signet::authorizer
