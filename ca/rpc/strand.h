#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "core/base/worker_pool.h"

namespace signet::ca_rpc {

/// Strand runs a stream's steps on the pool, one at a time and in order, so that a handler on the
/// event loop never blocks and never meets itself. It lives as long as a step is queued.
class Strand : public std::enable_shared_from_this<Strand> {
 public:
  explicit Strand(WorkerPool& pool) : pool_(pool) {}

  /// Post queues a step; false when more than a few wait (the peer sends without reading) or the
  /// pool is full.
  [[nodiscard]] bool Post(std::function<void()> step);

 private:
  void Run();

  WorkerPool& pool_;
  std::mutex mutex_;
  std::deque<std::function<void()>> steps_;  ///< guarded by mutex_
  bool running_ = false;                     ///< guarded by mutex_
};

}  // namespace signet::ca_rpc
