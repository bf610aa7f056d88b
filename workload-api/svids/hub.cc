#include "workload-api/svids/hub.h"

#include <utility>

namespace signet::svids {

struct Hub::Member {
  Topic topic;
  Listener listener;
};

struct Hub::Group {
  View view;  ///< what a new stream gets
  View told;  ///< the last bytes that the open ones were told; they keep them while an SVID is
              ///< missing
  std::map<std::uint64_t, Member> members;
};

namespace {

bool SameBytes(const std::shared_ptr<const std::string>& a,
               const std::shared_ptr<const std::string>& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

/// IsNews: there are bytes, and they are not those of before.
bool IsNews(const std::shared_ptr<const std::string>& before,
            const std::shared_ptr<const std::string>& now) {
  return now != nullptr && !SameBytes(before, now);
}

/// Share lets equal bytes be the same bytes, so that snapshots do not pile up copies.
void Share(std::shared_ptr<const std::string>& now,
           const std::shared_ptr<const std::string>& before) {
  if (SameBytes(now, before)) {
    now = before;
  }
}

/// CrossCertificatesChanged: they are no part of the Workload API's own bytes.
bool CrossCertificatesChanged(const View& before, const View& after) {
  return after.holdings != nullptr &&
         (before.holdings == nullptr ||
          before.holdings->cross_certificates != after.holdings->cross_certificates);
}

/// Remember updates what was told; null means that nothing was.
template <class T>
void Remember(std::shared_ptr<const T>& told, const std::shared_ptr<const T>& now) {
  if (now != nullptr) {
    told = now;
  }
}

}  // namespace

/// Worth telling: new bytes, or the right to them has gone (WL-20). That an SVID is missing for a
/// while is not: the stream keeps what it has.
bool Hub::Concerns(const View& before, const View& after, Topic topic) {
  if (after.status.code() == Code::kPermissionDenied) {
    return true;
  }
  const bool svids = topic != Topic::kX509Bundles && IsNews(before.svids, after.svids);
  const bool bundles = topic != Topic::kX509Svids && IsNews(before.bundles, after.bundles);
  return svids || bundles || (topic == Topic::kHoldings && CrossCertificatesChanged(before, after));
}

Hub::Hub(std::string reason) : reason_(std::move(reason)) {}
Hub::~Hub() = default;

Update Hub::UpdateOf(const View& view, Topic topic, std::uint64_t version) {
  Update update{.version = version};
  if (topic == Topic::kHoldings) {
    update.holdings = view.holdings;
  } else {
    update.message = topic == Topic::kX509Svids ? view.svids : view.bundles;
  }
  if (update.holdings == nullptr && update.message == nullptr) {
    update.status = view.status;
  }
  return update;
}

Hub::Opened Hub::Subscribe(const std::vector<spiffe::Selector>& selectors, Topic topic,
                           Listener listener) {
  const std::lock_guard lock(mutex_);
  if (!closed_.ok()) {
    return {.subscription = nullptr, .first = {.status = closed_}};
  }
  if (snapshot_ == nullptr) {
    return {.subscription = nullptr, .first = {.status = Unavailable(reason_)}};
  }
  const auto known = groups_.find(selectors);
  const View view = known != groups_.end() ? known->second->view : MakeView(*snapshot_, selectors);
  Update first = UpdateOf(view, topic, snapshot_->version);
  if (!first.status.ok()) {
    return {.subscription = nullptr, .first = std::move(first)};
  }
  auto& group = groups_[selectors];
  if (group == nullptr) {
    group = std::make_unique<Group>(Group{.view = view, .told = view, .members = {}});
  }
  const std::uint64_t id = next_id_++;
  group->members.emplace(id, Member{topic, std::move(listener)});
  return {std::make_unique<Subscription>(*this, selectors, id), std::move(first)};
}

void Hub::Unsubscribe(const std::vector<spiffe::Selector>& selectors, std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto group = groups_.find(selectors);
  if (group == groups_.end()) {
    return;
  }
  group->second->members.erase(id);
  if (group->second->members.empty()) {
    groups_.erase(group);
  }
}

void Hub::Publish(std::shared_ptr<const Snapshot> snapshot, std::function<void()> delivered) {
  std::vector<std::pair<Listener, Update>> told;
  {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(snapshot);
    for (auto& [selectors, group] : groups_) {
      View after = MakeView(*snapshot_, selectors);
      Share(after.svids, group->told.svids);
      Share(after.bundles, group->told.bundles);
      for (const auto& [id, member] : group->members) {
        if (Concerns(group->told, after, member.topic)) {
          told.emplace_back(member.listener, UpdateOf(after, member.topic, snapshot_->version));
        }
      }
      Remember(group->told.svids, after.svids);
      Remember(group->told.bundles, after.bundles);
      Remember(group->told.holdings, after.holdings);
      group->view = std::move(after);
    }
  }
  // Outside the lock: a listener may end its own subscription.
  const std::shared_ptr<void> delivery(nullptr, [run = std::move(delivered)](void*) {
    if (run) {
      run();
    }
  });
  for (auto& [listener, update] : told) {
    update.delivery = delivery;
    listener(update);
    update.delivery = nullptr;
  }
}

void Hub::SetReason(std::string reason) {
  const std::lock_guard lock(mutex_);
  reason_ = std::move(reason);
}

void Hub::Close(Error error) {
  std::vector<Listener> told;
  {
    const std::lock_guard lock(mutex_);
    closed_ = error;
    for (const auto& [selectors, group] : groups_) {
      for (const auto& [id, member] : group->members) {
        told.push_back(member.listener);
      }
    }
  }
  for (const Listener& listener : told) {
    listener({.version = UINT64_MAX, .status = error});
  }
}

Result<std::shared_ptr<const Snapshot>> Hub::Newest() const {
  const std::lock_guard lock(mutex_);
  SIGNET_TRY(closed_);
  if (snapshot_ == nullptr) {
    return Unavailable(reason_);
  }
  return snapshot_;
}

std::string Hub::Explain(const std::vector<spiffe::Selector>& selectors) const {
  std::shared_ptr<const Snapshot> snapshot;
  {
    const std::lock_guard lock(mutex_);
    snapshot = snapshot_;
  }
  return snapshot == nullptr ? "the agent has no entries yet"
                             : ExplainMismatch(*snapshot, selectors);
}

std::size_t Hub::subscribers() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [selectors, group] : groups_) {
    count += group->members.size();
  }
  return count;
}

}  // namespace signet::svids
