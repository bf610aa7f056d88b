#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "workload-api/client/backoff.h"
#include "workload-api/client/source_state.h"
#include "workload-api/client/transport.h"

namespace signet::client {

/// WatchLoop holds the stream open for ever and turns what it says into the state:
///
///   message            → checked; published, or dropped and reported
///   stream ended       → opened again at once (WL-03), then with backoff
///   PERMISSION_DENIED  → identities taken away, then with backoff (EP-17)
///   INVALID_ARGUMENT, UNIMPLEMENTED → the end (EP-15, EP-18)
class WatchLoop {
 public:
  struct Options {
    std::unique_ptr<X509Transport> transport;
    SourceState* state = nullptr;  ///< must outlive the loop
    const Clock* clock = nullptr;  ///< must outlive the loop
    Random* random = nullptr;      ///< must outlive the loop
    Backoff::Limits backoff = {};
    bool retry_permission_denied = true;
    SvidPicker picker = {};
    std::function<void(const X509Snapshot&)> on_update = {};  ///< null: taken away
    std::function<void(const Error&)> on_problem = {};
  };

  /// Starts the watching thread. All callbacks run on it.
  explicit WatchLoop(Options options);
  /// Cancels the stream and joins; not from a callback.
  ~WatchLoop();
  WatchLoop(const WatchLoop&) = delete;
  WatchLoop& operator=(const WatchLoop&) = delete;

 private:
  void Run();
  /// WatchOnce runs one stream; true if it carried a good message and was no flash in the pan.
  bool WatchOnce(Status& how_it_ended);
  bool Apply(X509Message message);
  /// Retry tells the state why a stream ended; false when there is nothing to retry.
  bool Retry(const Status& how_it_ended);
  void Report(const Error& problem);
  /// Pause returns early, and false, when the loop is ending.
  bool Pause(Duration time);

  Options options_;
  Backoff backoff_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace signet::client
