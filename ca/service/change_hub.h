#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "ca/service/context.h"
#include "ca/service/denial.h"

namespace signet::service {

/// WatchState is what a watching agent is told: states, not deltas.
struct WatchState {
  std::uint64_t revision = 0;         ///< of the newest change that concerns the agent
  std::uint64_t bundle_sequence = 0;  ///< of the own bundle
};

/// WatchSink is one open stream. Called from any thread; must not block or call the hub.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  virtual void Push(const WatchState& state) = 0;
  virtual void End(const Denial& why) = 0;
};

/// ChangeHub tells agents on the change stream that their entries or a bundle have changed, and
/// knows which authorities they have acknowledged. Safe for several threads.
///
/// The revision that agents see is the registry's plus the number of touches: pods that come and go
/// and cross-certificates are not in the registry, and yet each push must be a number that the
/// agent has not seen. Touches are counted in memory alone, from `first_touch` on; a server starts
/// at the time of day in milliseconds, so that after a restart no agent takes a number that it
/// knows for no news (nobody makes a thousand such changes in each second).
class ChangeHub {
 public:
  explicit ChangeHub(Context& context, std::uint64_t first_touch = 0)
      : context_(context), touches_(first_touch) {}

  using WatchId = std::uint64_t;
  /// Open registers a stream of an agent, whose SVID ends at not_after, and pushes the state as it
  /// is.
  WatchId Open(const spiffe::SpiffeId& agent, SystemTime not_after,
               std::shared_ptr<WatchSink> sink);
  /// Acknowledge: the agent has these authorities and has handed them to its workloads.
  void Acknowledge(WatchId watch, std::set<std::string> authority_ids);
  void Close(WatchId watch);

  /// OnApplied is the registry's listener.
  void OnApplied(const Applied& applied);
  /// Touch tells the agents on these nodes (NodeKey) that what they may issue has changed. Its cost
  /// depends on the nodes and the agents on them, not on how many agents watch.
  void Touch(const std::set<std::string>& nodes);
  /// TouchAll tells every watching agent that there is news beside what is committed.
  void TouchAll();
  /// EndExpired ends streams whose agent's SVID has expired.
  void EndExpired();
  /// EndAll ends every stream, and every one that is opened later: the server stops, and a stream
  /// that never ends by itself must not hold it up.
  void EndAll();

  /// AllAcknowledged: every open stream has acknowledged the authority. Agents that only poll
  /// cannot tell; the rotation schedule counts them by the clock.
  bool AllAcknowledged(const std::string& authority_id) const;
  std::size_t watching() const;

 private:
  struct Watch {
    spiffe::SpiffeId agent;
    SystemTime not_after;
    std::shared_ptr<WatchSink> sink;
    std::string node;  ///< NodeKeyOf its agent
    std::set<std::string> acknowledged = {};
  };
  using Watches = std::map<WatchId, Watch>;

  std::uint64_t OwnSequence() const;
  void PlaceLocked(WatchId id, Watch& watch);
  Watches::iterator EraseLocked(Watches::iterator watch);
  bool Concerns(const Applied& applied, const std::vector<Lineage>& lineages,
                const Watch& watch) const;

  Context& context_;
  mutable std::mutex mutex_;
  Watches watches_;  ///< guarded by mutex_, as what follows
  std::map<std::string, std::set<WatchId>> by_node_;
  std::uint64_t touches_;
  WatchId next_ = 1;
  bool ending_ = false;
};

}  // namespace signet::service
