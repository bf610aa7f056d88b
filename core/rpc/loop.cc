#include "core/rpc/loop.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <tuple>

#include "core/base/check.h"

namespace signet::rpc {
namespace {

constexpr int kMaxEvents = 512;
// Work per turn; beyond it the loop asks epoll again, so that a newly ready peer waits at most this
// long.
constexpr Duration kTurn = std::chrono::milliseconds(5);
constexpr double kHalfLifeNs = 100e6;

class FunctionTask final : public Task {
 public:
  explicit FunctionTask(std::function<void()> function) : function_(std::move(function)) {}
  void RunTask() override { function_(); }

 private:
  std::function<void()> function_;
};

}  // namespace

double Share::Level(MonoTime now) const {
  const auto age = static_cast<double>((now - at).count());
  return age <= 0 ? recent_ns : recent_ns * std::exp2(-age / kHalfLifeNs);
}

void Share::Charge(MonoTime now, Duration work) {
  recent_ns = Level(now) + static_cast<double>(work.count());
  at = now;
}

Result<std::unique_ptr<Loop>> Loop::Create(const Clock& clock) {
  std::unique_ptr<Loop> loop(new Loop(clock));
  loop->epoll_.Reset(::epoll_create1(EPOLL_CLOEXEC));
  loop->wake_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!loop->epoll_ || !loop->wake_) {
    return Internal(std::string("cannot make an event loop: ") + std::strerror(errno));
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // null means the eventfd
  if (::epoll_ctl(loop->epoll_.get(), EPOLL_CTL_ADD, loop->wake_.get(), &event) != 0) {
    return Internal(std::string("cannot watch the wake-up descriptor: ") + std::strerror(errno));
  }
  return loop;
}

Loop::~Loop() = default;

void Loop::Run() {
  while (!stopped_) {
    RunOnce(std::chrono::hours(1));
  }
}

void Loop::Stop() {
  PostFunction([this] { stopped_ = true; });
}

void Loop::RunOnce(Duration wait) {
  {
    const std::lock_guard lock(mutex_);
    thread_ = std::this_thread::get_id();
  }
  events_.resize(kMaxEvents);
  const int count = ::epoll_wait(epoll_.get(), events_.data(), kMaxEvents, WaitMillis(wait));
  now_ = clock_.Mono();
  if (count > 0) {
    RunEvents(count);
  }
  timers_.RunDue(now_);
  TakePosted();
  RunTasks();
  RunFlushes();
  std::vector<std::shared_ptr<void>> buried;
  buried.swap(buried_);
}

int Loop::WaitMillis(Duration wait) const {
  if (!tasks_.empty() || !flushes_.empty() || stopped_) {
    return 0;
  }
  if (const auto next = timers_.Next()) {
    wait = std::min(wait, *next - clock_.Mono());
  }
  // Rounded up: waking a fraction of a millisecond early would spin until the timer is due.
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  return static_cast<int>(std::clamp<std::int64_t>(millis, 0, 3'600'000));
}

void Loop::OrderEvents(int count) {
  ready_.clear();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    auto* source = static_cast<Source*>(event.data.ptr);
    const bool counted = source != nullptr && source->share_;
    ready_.push_back({.level = counted ? source->share_->Level(now_) : -1.0,
                      .served = source == nullptr ? 0 : source->served_,
                      .source = source,
                      .events = event.events});
  }
  std::sort(ready_.begin(), ready_.end(), [](const Ready& a, const Ready& b) {
    return std::tie(a.level, a.served) < std::tie(b.level, b.served);
  });
}

void Loop::RunEvents(int count) {
  OrderEvents(count);
  ++turn_;
  const MonoTime stop = now_ + kTurn;
  for (const Ready& ready : ready_) {
    if (now_ >= stop) {
      return;  // epoll reports the others again
    }
    Source* source = ready.source;
    if (source == nullptr) {
      std::uint64_t ignored = 0;
      [[maybe_unused]] const auto n = ::read(wake_.get(), &ignored, sizeof ignored);
      continue;
    }
    if (source->removed_) {
      continue;
    }
    const std::shared_ptr<Share> share = source->share_;
    const MonoTime start = now_;
    source->served_ = turn_;
    source->OnEvents(ready.events);
    now_ = clock_.Mono();
    if (share) {
      share->Charge(now_, now_ - start);
    }
  }
}

void Loop::TakePosted() {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  std::move(posted_.begin(), posted_.end(), std::back_inserter(tasks_));
  posted_.clear();
}

void Loop::RunTasks() {
  // Tasks that tasks post run in the next turn, after a look at the sockets.
  std::vector<std::shared_ptr<Task>> tasks;
  tasks.swap(tasks_);
  for (const std::shared_ptr<Task>& task : tasks) {
    task->RunTask();
  }
  tasks.clear();
  if (tasks_.empty()) {
    tasks_.swap(tasks);  // keeps the capacity
  }
}

void Loop::RunFlushes() {
  std::vector<Source*> flushes;
  flushes.swap(flushes_);
  for (Source* source : flushes) {
    source->flush_wanted_ = false;
    if (!source->removed_) {
      source->Flush();
    }
  }
}

void Loop::Post(std::shared_ptr<Task> task) {
  const std::lock_guard lock(mutex_);
  if (std::this_thread::get_id() == thread_) {
    tasks_.push_back(std::move(task));
    return;
  }
  posted_.push_back(std::move(task));
  if (!woken_) {
    woken_ = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(wake_.get(), &one, sizeof one);
  }
}

void Loop::PostFunction(std::function<void()> function) {
  Post(std::make_shared<FunctionTask>(std::move(function)));
}

Status Loop::Add(int fd, Source& source, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return Internal(std::string("cannot watch a socket: ") + std::strerror(errno));
  }
  source.removed_ = false;
  return {};
}

void Loop::Modify(int fd, Source& source, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  SIGNET_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0, std::strerror(errno));
}

void Loop::Remove(int fd, Source& source) {
  source.removed_ = true;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Loop::SetShare(Source& source, const std::string& peer) {
  std::weak_ptr<Share>& known = shares_[peer];
  source.share_ = known.lock();
  if (!source.share_) {
    source.share_ = std::make_shared<Share>();
    known = source.share_;
  }
  if (shares_.size() >= share_sweep_) {
    std::erase_if(shares_, [](const auto& entry) { return entry.second.expired(); });
    share_sweep_ = std::max<std::size_t>(256, 2 * shares_.size());
  }
}

void Loop::RequestFlush(Source& source) {
  if (!source.flush_wanted_) {
    source.flush_wanted_ = true;
    flushes_.push_back(&source);
  }
}

}  // namespace signet::rpc
