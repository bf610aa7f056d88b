#include "core/base/worker_pool.h"

#include <algorithm>
#include <atomic>
#include <memory>

namespace signet {
namespace {

/// One ParallelFor: whoever takes part draws the next index until none is left.
struct ParallelJob {
  std::atomic<std::size_t> next{0};
  std::size_t count = 0;
  const std::function<void(std::size_t)>* body = nullptr;
  std::mutex mutex;
  std::condition_variable all_done;
  std::size_t done = 0;

  void Work() {
    std::size_t mine = 0;
    for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
      (*body)(i);
      ++mine;
    }
    if (mine > 0) {
      const std::lock_guard lock(mutex);
      done += mine;
      if (done == count) {
        all_done.notify_all();
      }
    }
  }
};

}  // namespace

WorkerPool::WorkerPool(std::size_t threads, std::size_t max_queued) : max_queued_(max_queued) {
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

bool WorkerPool::Submit(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_ || queue_.size() >= max_queued_) {
      return false;
    }
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

void WorkerPool::ParallelFor(std::size_t n, const std::function<void(std::size_t)>& body) {
  if (n == 0) {
    return;
  }
  const auto job = std::make_shared<ParallelJob>();
  job->count = n;
  job->body = &body;
  // A helper that starts after the last index was drawn touches only the job, which it keeps alive itself.
  for (std::size_t i = 1; i < std::min(n, threads_.size() + 1); ++i) {
    if (!Submit([job] { job->Work(); })) {
      break;
    }
  }
  job->Work();
  std::unique_lock lock(job->mutex);
  job->all_done.wait(lock, [&] { return job->done == job->count; });
}

void WorkerPool::Run() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (queue_.empty()) {
        return;
      }
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace signet
