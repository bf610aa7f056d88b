#include "core/rpc/timers.h"

namespace signet::rpc {

void TimerHeap::Arm(Timer& timer, MonoTime when) {
  if (timer.armed()) {
    Cancel(timer);
  }
  timer.when_ = when;
  heap_.push_back(&timer);
  Put(heap_.size() - 1, &timer);
  Up(timer.index_);
}

void TimerHeap::Cancel(Timer& timer) {
  if (!timer.armed()) {
    return;
  }
  const std::size_t index = timer.index_;
  timer.index_ = Timer::kIdle;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) {
    return;
  }
  Put(index, last);
  Up(index);
  Down(last->index_);
}

std::optional<MonoTime> TimerHeap::Next() const {
  if (heap_.empty()) {
    return std::nullopt;
  }
  return heap_.front()->when_;
}

void TimerHeap::RunDue(MonoTime now) {
  // The count bounds the round: a timer that arms itself for "now" again waits for the next turn.
  // One timer may cancel or end another meanwhile, so the heap is asked anew each time.
  for (std::size_t left = heap_.size(); left > 0 && !heap_.empty(); --left) {
    Timer* first = heap_.front();
    if (first->when_ > now) {
      return;
    }
    Cancel(*first);
    first->OnTimer(now);
  }
}

void TimerHeap::Put(std::size_t index, Timer* timer) {
  heap_[index] = timer;
  timer->index_ = index;
}

void TimerHeap::Up(std::size_t index) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (heap_[parent]->when_ <= heap_[index]->when_) {
      return;
    }
    Timer* child = heap_[index];
    Put(index, heap_[parent]);
    Put(parent, child);
    index = parent;
  }
}

void TimerHeap::Down(std::size_t index) {
  while (true) {
    std::size_t least = 2 * index + 1;
    if (least >= heap_.size()) {
      return;
    }
    if (least + 1 < heap_.size() && heap_[least + 1]->when_ < heap_[least]->when_) {
      ++least;
    }
    if (heap_[index]->when_ <= heap_[least]->when_) {
      return;
    }
    Timer* parent = heap_[index];
    Put(index, heap_[least]);
    Put(least, parent);
    index = least;
  }
}

}  // namespace signet::rpc
