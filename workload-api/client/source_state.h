#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "workload-api/client/x509_context.h"

namespace signet::client {

/// SourceState is what a source knows now, shared between its watching thread and the program's
/// threads. It knows no transport, so that ThreadSanitizer can judge all of it.
class SourceState {
 public:
  /// Publish makes a snapshot current and clears the last problem.
  void Publish(X509Snapshot snapshot);
  /// Redact takes the identities away: the agent says that they are not ours any more (WL-08,
  /// WL-21).
  void Redact(Error why);
  /// Note keeps the snapshot and remembers the problem, to be told to whoever waits in vain.
  void Note(Error why);
  /// End: nothing will ever come again. Waiters get the reason.
  void End(Error why);

  X509Snapshot Current() const;
  /// Problem is the last one since there was a snapshot.
  Error Problem() const;
  /// WaitUntilReady returns when there is a snapshot, when the source has ended, or at the deadline
  /// (DEADLINE_EXCEEDED with the last problem).
  Status WaitUntilReady(MonoTime deadline) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  X509Snapshot snapshot_;
  std::optional<Error> problem_;
  bool ended_ = false;
};

}  // namespace signet::client
