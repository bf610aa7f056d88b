#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "core/base/clock.h"
#include "core/base/worker_pool.h"

namespace signet::ca_rpc {

/// Deferrals holds calls that wait for their rate limit, without a thread or an event loop each:
/// when their time has come they go to the pool. Safe for several threads.
class Deferrals {
 public:
  Deferrals(WorkerPool& pool, const Clock& clock, std::size_t max_waiting = 4096);
  /// Drops what still waits.
  ~Deferrals();
  Deferrals(const Deferrals&) = delete;
  Deferrals& operator=(const Deferrals&) = delete;

  /// RunAfter submits the task to the pool, at once if wait is zero; false if too many wait or the
  /// pool is full. `refused` runs instead if the pool is full when the time has come.
  [[nodiscard]] bool RunAfter(Duration wait, std::function<void()> task,
                              std::function<void()> refused);

 private:
  struct Waiting {
    std::function<void()> task;
    std::function<void()> refused;
  };
  void Run();

  WorkerPool& pool_;
  const Clock& clock_;
  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<MonoTime, Waiting> waiting_;  ///< guarded by mutex_
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace signet::ca_rpc
