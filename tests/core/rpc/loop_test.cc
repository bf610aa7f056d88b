#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <random>
#include <thread>

#include "core/rpc/loop.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::rpc;
using namespace std::chrono_literals;

namespace {

class TestTimer final : public Timer {
 public:
  explicit TestTimer(std::vector<int>& log, int name) : log_(log), name_(name) {}
  void OnTimer(MonoTime) override { log_.push_back(name_); }

 private:
  std::vector<int>& log_;
  int name_;
};

/// Busy is always readable and works for a while, on a clock of the test.
class Busy final : public Source {
 public:
  Busy(FakeClock& clock, Duration work)
      : clock_(clock), work_(work), fd_(::eventfd(1, EFD_NONBLOCK)) {}
  void OnEvents(std::uint32_t) override {
    clock_.Advance(work_);
    ++runs;
  }
  int fd() const { return fd_.get(); }
  int runs = 0;

 private:
  FakeClock& clock_;
  Duration work_;
  UniqueFd fd_;
};

}  // namespace

TEST_CASE("timers run in the order of their times and cancelled ones do not") {
  TimerHeap heap;
  std::vector<int> log;
  std::vector<std::unique_ptr<TestTimer>> timers;
  std::vector<int> order(200);
  for (int i = 0; i < 200; ++i) {
    order[static_cast<std::size_t>(i)] = i;
    timers.push_back(std::make_unique<TestTimer>(log, i));
  }
  std::shuffle(order.begin(), order.end(), std::mt19937(3));  // NOLINT: reproducible
  const MonoTime start{1h};
  for (const int i : order) {
    heap.Arm(*timers[static_cast<std::size_t>(i)], start + std::chrono::seconds(i));
  }
  for (std::size_t i = 1; i < 200; i += 2) {
    heap.Cancel(*timers[i]);
    CHECK_FALSE(timers[i]->armed());
  }
  heap.Arm(*timers[0], start + 50s + 1ms);
  heap.RunDue(start + 100s);
  CHECK(log.size() == 51);
  CHECK(std::is_sorted(log.begin() + 26, log.end()));
  CHECK(log[25] == 0);
  CHECK(*heap.Next() == start + 102s);
}

TEST_CASE("tasks of other threads run on the loop, in order") {
  RealClock clock;
  auto loop = *Loop::Create(clock);
  std::vector<int> seen;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) {
      loop->PostFunction([&seen, i] { seen.push_back(i); });
    }
    loop->Stop();
  });
  loop->Run();
  other.join();
  CHECK(seen.size() == 100);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE("a peer with many busy connections does not keep another peer waiting") {
  FakeClock clock;
  auto loop = *Loop::Create(clock);
  std::vector<std::unique_ptr<Busy>> flood;
  for (int i = 0; i < 300; ++i) {
    flood.push_back(std::make_unique<Busy>(clock, 1ms));
    REQUIRE_OK(loop->Add(flood.back()->fd(), *flood.back(), EPOLLIN));
    loop->SetShare(*flood.back(), "uid:1");
  }
  for (int turn = 0; turn < 20; ++turn) {
    loop->RunOnce(0ns);
  }
  Busy victim(clock, 100us);
  REQUIRE_OK(loop->Add(victim.fd(), victim, EPOLLIN));
  loop->SetShare(victim, "uid:2");
  const MonoTime start = clock.Mono();
  constexpr int kRounds = 100;
  for (int turn = 0; turn < kRounds; ++turn) {
    loop->RunOnce(0ns);
  }
  // It is served in every turn, and a turn is at most 5 ms of others' work.
  CHECK(victim.runs == kRounds);
  CHECK((clock.Mono() - start) / kRounds <= 7ms);
  int least = 1 << 30;
  for (const auto& busy : flood) {
    least = std::min(least, busy->runs);
  }
  CHECK(least > 0);
}
