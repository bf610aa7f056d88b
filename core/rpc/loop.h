#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/rpc/timers.h"

namespace signet::rpc {

/// Task is what Loop::Post runs on the loop's thread.
class Task {
 public:
  virtual ~Task() = default;
  virtual void RunTask() = 0;
};

/// Share is how much of a loop one peer has used lately: work time that halves every 100 ms. When
/// there is more work than time, the peer with the smallest share goes first, so that one uid's
/// flood cannot starve another uid.
struct Share {
  double recent_ns = 0;
  MonoTime at{};
  void Charge(MonoTime now, Duration work);
  double Level(MonoTime now) const;
};

/// Source is a file descriptor that a loop watches. It is called on the loop's thread alone.
class Source {
 public:
  virtual ~Source() = default;
  /// OnEvents gets epoll's bits. One call does a bounded piece of work: what is left is reported
  /// again.
  virtual void OnEvents(std::uint32_t events) = 0;
  /// Flush runs once after RequestFlush, when all events and tasks of this turn are done.
  virtual void Flush() {}

 private:
  friend class Loop;
  std::shared_ptr<Share> share_;
  std::uint64_t served_ = 0;  ///< the turn of its last OnEvents
  bool flush_wanted_ = false;
  bool removed_ = false;
};

/// Loop is one thread's epoll loop with timers and a task queue. Everything but Post and Stop
/// belongs to its thread (or to whoever drives RunOnce, as tests do).
///
///   turn: wait → events (least-served peer first, at most 5 ms) → timers → tasks → flushes →
///   burials
class Loop {
 public:
  static Result<std::unique_ptr<Loop>> Create(const Clock& clock);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Run turns until Stop.
  void Run();
  void Stop();
  /// RunOnce makes one turn; it waits for events at most `wait`.
  void RunOnce(Duration wait);

  /// Post queues a task; from any thread. Tasks run in order.
  void Post(std::shared_ptr<Task> task);
  void PostFunction(std::function<void()> function);

  Status Add(int fd, Source& source, std::uint32_t events);
  void Modify(int fd, Source& source, std::uint32_t events);
  /// Remove stops watching; the source gets no more calls. Bury it, if it may be in the middle of
  /// one.
  void Remove(int fd, Source& source);
  /// SetShare makes the source's work count for a peer.
  void SetShare(Source& source, const std::string& peer);
  void RequestFlush(Source& source);
  /// Bury keeps an object until the end of this turn, when nothing can point to it any more.
  void Bury(std::shared_ptr<void> object) { buried_.push_back(std::move(object)); }

  TimerHeap& timers() { return timers_; }
  MonoTime now() const { return now_; }
  /// scratch is a buffer for the length of one call: connections own none while idle.
  std::string& scratch() { return scratch_; }

 private:
  explicit Loop(const Clock& clock) : clock_(clock), now_(clock.Mono()) {}
  /// Ready is one reported event with its place in the queue: least-served peer first, and among a
  /// peer's connections the one that waits longest (epoll would report them in the same order every
  /// time).
  struct Ready {
    double level;
    std::uint64_t served;
    Source* source;  ///< null: the wake-up descriptor
    std::uint32_t events;
  };
  int WaitMillis(Duration wait) const;
  void OrderEvents(int count);
  void RunEvents(int count);
  void RunTasks();
  void RunFlushes();
  void TakePosted();

  const Clock& clock_;
  MonoTime now_;
  UniqueFd epoll_;
  UniqueFd wake_;
  TimerHeap timers_;
  std::string scratch_;
  std::vector<epoll_event> events_;
  std::vector<Ready> ready_;
  std::uint64_t turn_ = 0;
  std::vector<std::shared_ptr<Task>> tasks_;  ///< of this thread
  std::vector<Source*> flushes_;
  std::vector<std::shared_ptr<void>> buried_;
  std::unordered_map<std::string, std::weak_ptr<Share>> shares_;
  std::size_t share_sweep_ = 256;  ///< shares_ is cleaned at this size
  bool stopped_ = false;

  std::mutex mutex_;
  std::vector<std::shared_ptr<Task>> posted_;  ///< by other threads
  bool woken_ = false;
  std::thread::id thread_;  ///< guarded by mutex_; set by RunOnce
};

}  // namespace signet::rpc
