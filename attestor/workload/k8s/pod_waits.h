#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "attestor/workload/k8s/pod_facts.h"
#include "core/base/clock.h"

namespace signet::attestor {

struct PodWaitOptions {
  Duration patience = std::chrono::seconds(5);              ///< how long facts are waited for
  Duration poll_interval = std::chrono::milliseconds(500);  ///< between wishes for newer facts
  /// While anybody watches a pod, facts are renewed so often by a source that must be asked.
  Duration renew_interval = std::chrono::seconds(10);
};

/// PodWaits keeps account of who lacks facts of which pod and who is to be told when they change,
/// so that nobody blocks a thread. Safe for several threads.
///
///   wanted → the facts arrive: watchers are told
///          → patience ends:    watchers are told, and for one poll interval it stays "given up",
///                              so that they all see it
class PodWaits {
 public:
  /// Facts and clock must outlive it. `wake` is called when Step should run sooner than it said.
  PodWaits(PodFacts& facts, PodWaitOptions options, const Clock& clock, std::function<void()> wake);
  ~PodWaits();
  PodWaits(const PodWaits&) = delete;
  PodWaits& operator=(const PodWaits&) = delete;

  struct Want {
    MonoTime since;         ///< facts as of then decide
    bool given_up = false;  ///< they did not come in time
  };
  /// Lacks notes that facts of a pod, or of one of its containers, are lacking.
  Want Lacks(const std::string& pod_uid, const std::string& container_id);
  /// Found ends it.
  void Found(const std::string& pod_uid, const std::string& container_id);

  /// Seen is what an answer was made of.
  struct Seen {
    std::string pod_uid;
    kubernetes::PodPtr pod = nullptr;  ///< null: unknown
    /// The answer waits for facts of this container, or with an empty id for the pod's.
    std::optional<std::string> waits_for = {};
    std::optional<MonoTime> needs_as_of = {};  ///< facts as of then would do
  };
  /// Watch calls back once (perhaps at once) when the pod is another than `seen`, or when what the
  /// answer waits for is here or given up. Not after the handle has gone, but for a call that is
  /// under way. It must not block.
  std::shared_ptr<void> Watch(Seen seen, std::function<void()> changed);

  /// Step wishes for newer facts and gives up what was waited for too long. Returns how long it may
  /// sleep.
  Duration Step();

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace signet::attestor
