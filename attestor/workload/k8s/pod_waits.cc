#include "attestor/workload/k8s/pod_waits.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace signet::attestor {
namespace {

constexpr Duration kIdle = std::chrono::hours(1);

}  // namespace

struct PodWaits::State {
  struct Watcher {
    Seen seen;
    std::function<void()> changed;
  };
  using Key = std::pair<std::string, std::string>;  // pod uid, container id
  using Calls = std::vector<std::function<void()>>;

  State(PodFacts& f, PodWaitOptions o, const Clock& c, std::function<void()> w)
      : facts(f), options(o), clock(c), wake(std::move(w)) {}

  bool IsDue(const Watcher& watcher) const {
    const Seen& seen = watcher.seen;
    if (facts.Find(seen.pod_uid) != seen.pod) {
      return true;
    }
    if (!seen.waits_for) {
      return false;
    }
    const auto want = wants.find({seen.pod_uid, *seen.waits_for});
    const bool over = want == wants.end() || want->second.given_up;
    return over || (seen.needs_as_of && facts.IsAsOf(*seen.needs_as_of));
  }

  /// TakeDue removes the watchers that are to be told and gives what to call, outside the lock.
  Calls TakeDue() {
    Calls calls;
    for (auto it = watchers.begin(); it != watchers.end();) {
      if (!IsDue(it->second)) {
        ++it;
        continue;
      }
      calls.push_back(std::move(it->second.changed));
      it = watchers.erase(it);
    }
    return calls;
  }

  static void Call(const Calls& calls) {
    for (const auto& changed : calls) {
      changed();
    }
  }

  void OnFacts() {
    Calls calls;
    {
      const std::lock_guard lock(mutex);
      calls = TakeDue();
    }
    Call(calls);
  }

  /// GiveUp marks what is overdue and forgets what was marked long enough.
  void GiveUp(MonoTime now) {
    for (auto it = wants.begin(); it != wants.end();) {
      const MonoTime end = it->second.since + options.patience;
      it->second.given_up = now >= end;
      it = now >= end + options.poll_interval ? wants.erase(it) : std::next(it);
    }
  }

  bool IsWaiting() const {
    return std::any_of(wants.begin(), wants.end(),
                       [](const auto& want) { return !want.second.given_up; });
  }

  PodFacts& facts;
  const PodWaitOptions options;
  const Clock& clock;
  const std::function<void()> wake;

  std::mutex mutex;
  std::map<Key, Want> wants;
  std::map<std::uint64_t, Watcher> watchers;
  std::uint64_t next_id = 1;
  std::optional<MonoTime> last_wish;
};

PodWaits::PodWaits(PodFacts& facts, PodWaitOptions options, const Clock& clock,
                   std::function<void()> wake)
    : state_(std::make_shared<State>(facts, options, clock, std::move(wake))) {
  facts.SetListener([state = state_.get()] { state->OnFacts(); });
}

PodWaits::~PodWaits() { state_->facts.SetListener(nullptr); }

PodWaits::Want PodWaits::Lacks(const std::string& pod_uid, const std::string& container_id) {
  bool is_new = false;
  Want want;
  {
    const std::lock_guard lock(state_->mutex);
    const auto [it, inserted] =
        state_->wants.try_emplace({pod_uid, container_id}, Want{.since = state_->clock.Mono()});
    want = it->second;
    is_new = inserted;
  }
  if (is_new) {
    state_->wake();
  }
  return want;
}

void PodWaits::Found(const std::string& pod_uid, const std::string& container_id) {
  const std::lock_guard lock(state_->mutex);
  state_->wants.erase({pod_uid, container_id});
}

std::shared_ptr<void> PodWaits::Watch(Seen seen, std::function<void()> changed) {
  std::uint64_t id = 0;
  bool first = false;
  {
    const std::lock_guard lock(state_->mutex);
    State::Watcher watcher{std::move(seen), std::move(changed)};
    if (state_->IsDue(watcher)) {
      changed = std::move(watcher.changed);
    } else {
      changed = nullptr;
      id = state_->next_id++;
      first = state_->watchers.empty();
      state_->watchers.emplace(id, std::move(watcher));
    }
  }
  if (changed != nullptr) {
    changed();
    return nullptr;
  }
  if (first) {
    state_->wake();
  }
  return {nullptr, [weak = std::weak_ptr<State>(state_), id](void*) {
            if (const auto state = weak.lock()) {
              const std::lock_guard lock(state->mutex);
              state->watchers.erase(id);
            }
          }};
}

Duration PodWaits::Step() {
  State::Calls calls;
  bool wish = false;
  Duration sleep = kIdle;
  {
    const std::lock_guard lock(state_->mutex);
    const MonoTime now = state_->clock.Mono();
    state_->GiveUp(now);
    calls = state_->TakeDue();
    if (!state_->wants.empty() || !state_->watchers.empty()) {
      const Duration interval =
          state_->IsWaiting() ? state_->options.poll_interval : state_->options.renew_interval;
      wish = state_->IsWaiting() || !state_->last_wish || now >= *state_->last_wish + interval;
      if (wish) {
        state_->last_wish = now;
      }
      sleep = state_->wants.empty() ? *state_->last_wish + interval - now
                                    : state_->options.poll_interval;
    }
  }
  if (wish) {
    state_->facts.Refresh();
  }
  State::Call(calls);
  return sleep;
}

}  // namespace signet::attestor
