#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "core/base/clock.h"

namespace signet::rpc {

/// Timer is armed in at most one heap, at one time. It must be cancelled before it ends.
class Timer {
 public:
  virtual ~Timer() = default;
  /// OnTimer runs once per arming; it may arm itself again.
  virtual void OnTimer(MonoTime now) = 0;
  bool armed() const { return index_ != kIdle; }
  MonoTime when() const { return when_; }

 private:
  friend class TimerHeap;
  static constexpr std::size_t kIdle = static_cast<std::size_t>(-1);
  MonoTime when_{};
  std::size_t index_ = kIdle;
};

/// TimerHeap is a binary heap of timers that know their place, so that arming and cancelling cost
/// O(log n) and no memory beside one pointer.
class TimerHeap {
 public:
  void Arm(Timer& timer, MonoTime when);
  void Cancel(Timer& timer);
  std::optional<MonoTime> Next() const;
  /// RunDue calls every timer that was due at `now`; those armed meanwhile wait for the next time.
  void RunDue(MonoTime now);

 private:
  void Put(std::size_t index, Timer* timer);
  void Up(std::size_t index);
  void Down(std::size_t index);
  std::vector<Timer*> heap_;
};

}  // namespace signet::rpc
