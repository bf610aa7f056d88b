#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/result.h"
#include "core/spiffe/selector.h"
#include "workload-api/svids/snapshot.h"
#include "workload-api/svids/view.h"

namespace signet::svids {

/// Update tells a stream its new state, or that it has to end.
struct Update {
  std::uint64_t version = 0;  ///< a stream that has seen this one or a newer one ignores it
  Status status = {};         ///< not OK: the stream ends so
  std::shared_ptr<const std::string> message = nullptr;  ///< null for kHoldings
  std::shared_ptr<const Holdings> holdings = nullptr;
  /// Held until the update was written; when the last holder lets go, all streams have been told.
  std::shared_ptr<void> delivery = nullptr;
};

enum class Topic { kX509Svids, kX509Bundles, kHoldings };

/// Hub gives every open stream its view of the newest snapshot. A snapshot is turned into bytes
/// once for each set of selectors, and only streams whose bytes changed are told. Safe for several
/// threads.
class Hub {
 public:
  /// Listener is called on the publishing thread and must not block; it may be called once more
  /// after its subscription ended.
  using Listener = std::function<void(const Update&)>;

  /// Subscription ends when it is destroyed. It must not outlive the hub.
  class Subscription;

  /// Until the first Publish, Subscribe answers UNAVAILABLE with this reason.
  explicit Hub(std::string reason);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  struct Opened {
    std::unique_ptr<Subscription> subscription;  ///< null when `first` is not OK
    Update first;                                ///< the state at this moment (WL-06)
  };
  /// Subscribe gives the present state and, if that is one that can be served, all later ones.
  Opened Subscribe(const std::vector<spiffe::Selector>& selectors, Topic topic, Listener listener);

  /// Publish replaces the snapshot and tells whom it concerns. `delivered` runs once all of them
  /// have written it, on the thread that is last (here, if nobody had to be told).
  void Publish(std::shared_ptr<const Snapshot> snapshot, std::function<void()> delivered = {});

  /// SetReason changes the reason given while nothing was published.
  void SetReason(std::string reason);
  /// Close ends every stream with the status, and refuses new ones with it.
  void Close(Error error);

  /// Newest is the whole state of this moment; an error as Subscribe would give it.
  Result<std::shared_ptr<const Snapshot>> Newest() const;

  /// Explain says why the selectors got no identity, for the log.
  std::string Explain(const std::vector<spiffe::Selector>& selectors) const;
  std::size_t subscribers() const;

 private:
  struct Group;
  struct Member;
  void Unsubscribe(const std::vector<spiffe::Selector>& selectors, std::uint64_t id);
  static bool Concerns(const View& before, const View& after, Topic topic);
  static Update UpdateOf(const View& view, Topic topic, std::uint64_t version);

  mutable std::mutex mutex_;
  std::string reason_;
  Status closed_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::map<std::vector<spiffe::Selector>, std::unique_ptr<Group>> groups_;
  std::uint64_t next_id_ = 1;
};

class Hub::Subscription {
 public:
  Subscription(Hub& hub, std::vector<spiffe::Selector> selectors, std::uint64_t id)
      : hub_(hub), selectors_(std::move(selectors)), id_(id) {}
  ~Subscription() { hub_.Unsubscribe(selectors_, id_); }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

 private:
  Hub& hub_;
  const std::vector<spiffe::Selector> selectors_;
  const std::uint64_t id_;
};

}  // namespace signet::svids
