#include "workload-api/sds/subscription.h"

#include <algorithm>
#include <set>

namespace signet::sds {
namespace {

constexpr std::string_view kAll = "*";
constexpr std::size_t kMaxUnanswered = 4;
constexpr std::size_t kMaxHeld = 1024;             // secrets that a client says it has
constexpr std::size_t kMaxHeldBytes = 128 * 1024;  // their names and versions together

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// FewEnough: a request may be long, and what it says is held must not stay so.
bool FewEnough(const std::map<std::string, std::string>& have) {
  std::size_t bytes = 0;
  for (const auto& [name, version] : have) {
    bytes += name.size() + version.size();
  }
  return have.size() <= kMaxHeld && bytes <= kMaxHeldBytes;
}

}  // namespace

Result<bool> Subscription::Take(const Ask& ask) {
  if (!ask.type_url.empty() && ask.type_url != kSecretType) {
    return InvalidArgument("this service has resources of type " + std::string(kSecretType) +
                           " alone");
  }
  const bool first = std::exchange(first_, false);
  // Without a nonce it was made before its client had seen an answer. It is newer than all that
  // came before it, so what it names counts.
  const bool stale =
      !first && !newest_nonce_.empty() && !ask.nonce.empty() && ask.nonce != newest_nonce_;
  Acknowledge(ask);
  if (variant_ == Variant::kSotw && stale) {
    return false;
  }
  const bool due = variant_ == Variant::kSotw ? TakeWorld(ask) : TakeDelta(ask, first);
  SIGNET_TRY(CheckBounds());
  return due || first;
}

/// Acknowledge books what the client thinks of an answer, also of one that is not the newest.
void Subscription::Acknowledge(const Ask& ask) {
  const auto sent = std::find_if(unanswered_.begin(), unanswered_.end(),
                                 [&](const Sent& one) { return one.nonce == ask.nonce; });
  if (sent == unanswered_.end()) {
    return;
  }
  const auto refusal = ask.refusal ? std::make_shared<const std::string>(*ask.refusal) : nullptr;
  for (const auto& [name, version] : sent->versions) {
    const auto found = names_.find(name);
    if (found == names_.end()) {
      continue;
    }
    State& state = found->second;
    if (ask.refusal) {
      state.refused = version;
    } else {
      state.accepted = version;
      state.refused.clear();
    }
    state.refusal = refusal;
  }
  unanswered_.erase(unanswered_.begin(), sent + 1);
}

bool Subscription::TakeWorld(const Ask& ask) {
  const std::set<std::string> wanted(ask.names.begin(), ask.names.end());
  ever_named_ = ever_named_ || !wanted.empty();
  const bool all_before = all_;
  WantAll(!ever_named_ || wanted.contains(std::string(kAll)));
  bool due = all_ && !all_before;
  for (auto it = names_.begin(); it != names_.end();) {
    const bool dropped = it->second.named && !wanted.contains(it->first);
    it->second.named = it->second.named && !dropped;  // one of all, where all are wanted
    it = dropped && !all_ ? names_.erase(it) : std::next(it);
  }
  for (const std::string& name : wanted) {
    due = Want(name, /*anew=*/false) || due;
  }
  return due;
}

bool Subscription::TakeDelta(const Ask& ask, bool first) {
  bool due = false;
  if (Contains(ask.names, kAll) || (first && ask.names.empty())) {
    WantAll(true);
    due = true;
    if (first) {
      Hold(ask.have);
    }
  }
  if (Contains(ask.unsubscribe, kAll)) {
    WantAll(false);
  }
  for (const std::string& name : ask.unsubscribe) {
    due = Drop(name) || due;
  }
  for (const std::string& name : ask.names) {
    due = Want(name, /*anew=*/true) || due;
    const auto have = ask.have.find(name);
    if (first && have != ask.have.end() && names_.contains(name)) {
      names_[name].sent = have->second;
      names_[name].due = false;
    }
  }
  return due;
}

/// Hold notes what a client that wants all has from before a reconnect, so that it is sent what is
/// new and told what is gone. One that names too much is sent all.
void Subscription::Hold(const std::map<std::string, std::string>& have) {
  if (!FewEnough(have)) {
    return;
  }
  for (const auto& [name, version] : have) {
    if (name != kAll) {
      names_.try_emplace(name, State{.named = false, .due = false, .sent = version});
    }
  }
}

/// Drop ends what was asked for by name (delta). Where all are wanted too, the client cannot know
/// whether the secret is among them, and is told.
bool Subscription::Drop(const std::string& name) {
  const auto found = names_.find(name);
  if (found == names_.end()) {
    return false;
  }
  if (!all_) {
    names_.erase(found);
    return false;
  }
  found->second.named = false;
  found->second.due = true;
  return true;
}

/// Want adds a name; `anew` also has one answered again that was wanted before.
bool Subscription::Want(const std::string& name, bool anew) {
  if (name == kAll) {
    return false;
  }
  const auto [found, added] = names_.try_emplace(name);
  const bool again = !added && (anew || !found->second.named);
  if (again) {
    found->second = State{};
  }
  return added || again;
}

void Subscription::WantAll(bool all) {
  all_ = all;
  if (!all) {
    std::erase_if(names_, [](const auto& item) { return !item.second.named; });
  }
}

Status Subscription::CheckBounds() const {
  std::size_t named = 0;
  std::size_t bytes = 0;
  for (const auto& [name, state] : names_) {
    named += state.named ? 1 : 0;
    bytes += state.named ? name.size() : 0;
  }
  if (named > kMaxNames || bytes > kMaxNamesBytes) {
    return InvalidArgument("the stream names " + std::to_string(named) + " secrets of " +
                           std::to_string(bytes) + " bytes; at most " + std::to_string(kMaxNames) +
                           " and " + std::to_string(kMaxNamesBytes) + " bytes are served on one");
  }
  return {};
}

/// FollowAll wants what there is now for those who asked for all, and nothing else.
void Subscription::FollowAll(SecretSource& source, Next& next) {
  const std::vector<std::string> there = source.Names();
  for (const std::string& name : there) {
    names_.try_emplace(name, State{.named = false});
  }
  for (auto it = names_.begin(); it != names_.end();) {
    if (it->second.named || Contains(there, it->first)) {
      ++it;
      continue;
    }
    Forget(it->first, it->second, next);
    it = names_.erase(it);
  }
}

/// Forget notes that a secret is not there. SotW has no word for that.
void Subscription::Forget(const std::string& name, State& state, Next& next) const {
  if (variant_ == Variant::kDelta && (state.due || !state.sent.empty())) {
    next.answer.removed.push_back(name);
  }
  state.due = false;
  state.sent.clear();
}

Subscription::Next Subscription::Advance(SecretSource& source, const std::string& nonce) {
  Next next;
  if (all_) {
    FollowAll(source, next);
  }
  Sent sent{.nonce = nonce};
  for (auto& [name, state] : names_) {
    Result<Resource> found = source.Find(name);
    if (!found.ok()) {
      Forget(name, state, next);
      if (!std::exchange(state.told_missing, true)) {
        next.missing.emplace_back(name, found.error());
      }
      continue;
    }
    state.told_missing = false;
    if (found->version != state.refused && (state.due || found->version != state.sent)) {
      state.sent = found->version;
      sent.versions.emplace_back(name, found->version);
      next.answer.items.push_back({name, std::move(found).value()});
    }
    state.due = false;
  }
  if (!next.empty()) {
    next.answer.nonce = newest_nonce_ = nonce;
    unanswered_.push_back(std::move(sent));
    if (unanswered_.size() > kMaxUnanswered) {
      unanswered_.pop_front();
    }
  }
  return next;
}

std::vector<Subscription::Row> Subscription::Rows() const {
  std::vector<Row> rows;
  for (const auto& [name, state] : names_) {
    rows.push_back({name, state.sent, state.accepted, state.refused,
                    state.refusal == nullptr ? "" : *state.refusal});
  }
  return rows;
}

bool Subscription::Awaits(const std::string& nonce) const {
  return std::any_of(unanswered_.begin(), unanswered_.end(),
                     [&](const Sent& one) { return one.nonce == nonce; });
}

bool Subscription::refuses() const {
  return std::any_of(names_.begin(), names_.end(),
                     [](const auto& item) { return !item.second.refused.empty(); });
}

}  // namespace signet::sds
