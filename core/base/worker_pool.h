#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace signet {

/// WorkerPool runs tasks that may block or burn CPU (database commits, signatures) away from the event loops.
/// Its queue is bounded: a full pool refuses, so that overload shows as RESOURCE_EXHAUSTED and not as memory.
class WorkerPool {
 public:
  /// threads ≥ 1; max_queued tasks may wait.
  WorkerPool(std::size_t threads, std::size_t max_queued);
  /// Runs what is queued, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Submit queues a task; false when the queue is full or the pool is ending.
  [[nodiscard]] bool Submit(std::function<void()> task);

  /// ParallelFor runs body(0) … body(n-1) on the calling thread and on idle workers, and returns when all are done.
  /// May be called from a task of this pool: the caller works too, so it cannot deadlock.
  void ParallelFor(std::size_t n, const std::function<void(std::size_t)>& body);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  std::size_t max_queued_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace signet
