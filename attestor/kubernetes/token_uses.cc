#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "attestor/kubernetes/token_claims.h"
#include "attestor/kubernetes/tokens.h"
#include "core/crypto/hash.h"

namespace signet::kubernetes {
namespace {

constexpr std::size_t kMaxTokens = 100'000;

using Hash = std::array<std::uint8_t, 32>;

Hash HashOf(std::string_view kind, std::string_view text) {
  return crypto::Sha256(AsBytes(std::string(kind) + ":" + std::string(text)));
}

}  // namespace

struct TokenUses::State {
  struct Use {
    Hash holder;
    SystemTime rebind_after;
    SystemTime forget_at;
  };

  State(TokenReuse r, const Clock& c) : reuse(r), clock(c) {}

  void ForgetExpired(SystemTime now) {
    while (!by_end.empty() && (by_end.begin()->first <= now || uses.size() > kMaxTokens)) {
      uses.erase(by_end.begin()->second);
      by_end.erase(by_end.begin());
    }
  }

  const TokenReuse reuse;
  const Clock& clock;
  std::mutex mutex;
  std::map<Hash, Use> uses;
  std::set<std::pair<SystemTime, Hash>> by_end;
};

TokenUses::TokenUses(TokenReuse reuse, const Clock& clock)
    : state_(std::make_unique<State>(reuse, clock)) {}

TokenUses::~TokenUses() = default;

Status TokenUses::Claim(const ServiceAccountToken& token, std::string_view text,
                        std::string_view holder, SystemTime rebind_after) {
  if (state_->reuse == TokenReuse::kAlways) {
    return {};
  }
  const Hash key = token.id.empty() ? HashOf("text", text) : HashOf("jti", token.id);
  const Hash who = HashOf("holder", holder);
  const SystemTime now = state_->clock.Now();
  const std::lock_guard lock(state_->mutex);
  state_->ForgetExpired(now);
  const SystemTime forget_at = token.expires_at + kClockSkew;  // a verifier takes it until then
  const auto [entry, first] =
      state_->uses.try_emplace(key, State::Use{who, rebind_after, forget_at});
  if (first) {
    state_->by_end.emplace(forget_at, key);
    state_->ForgetExpired(now);
    return {};
  }
  State::Use& use = entry->second;
  if (use.holder == who) {
    use.rebind_after = std::max(use.rebind_after, rebind_after);
    return {};
  }
  if (state_->reuse == TokenReuse::kAfterHalfLife && now >= use.rebind_after) {
    use.holder = who;
    use.rebind_after = rebind_after;
    return {};
  }
  return PermissionDenied(
      "token has been used by another holder already; if that was not you, somebody has copied it");
}

}  // namespace signet::kubernetes
