#include "workload-api/client/watch_loop.h"

#include <deque>
#include <thread>

#include "tests/support/result.h"
#include "tests/workload-api/client/test_pki.h"

namespace signet::client {
namespace {

using test::Authority;
using test::MessageFor;

constexpr const char* kWeb = "spiffe://example.org/web";

// Stream is what the fake agent says in one call, and how the call ends.
struct Stream {
  std::vector<X509Message> messages;
  Status end;
  Duration lives = Duration::zero();
};

// Calls counts and outlives the transport, which ends with its loop.
class Calls {
 public:
  void Add() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  void WaitFor(int wanted) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return count_ >= wanted; }));
  }
  int count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

// FakeTransport plays streams in order; when none is left it stays open until Cancel.
class FakeTransport final : public X509Transport {
 public:
  FakeTransport(std::deque<Stream> streams, FakeClock& clock, Calls& calls)
      : streams_(std::move(streams)), clock_(clock), calls_(calls) {}

  Status Watch(const OnMessage& on_message) override {
    calls_.Add();
    if (streams_.empty()) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return cancelled_; });
      return Error{Code::kCancelled, "cancelled"};
    }
    Stream stream = std::move(streams_.front());
    streams_.pop_front();
    for (X509Message& message : stream.messages) {
      on_message(std::move(message));
    }
    clock_.Advance(stream.lives);
    return stream.end;
  }
  void Cancel() override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }

 private:
  std::deque<Stream> streams_;
  FakeClock& clock_;
  Calls& calls_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool cancelled_ = false;
};

// Fixture is one loop over a fake agent; what its callbacks report may be read once the loop has
// ended.
class Fixture {
 public:
  explicit Fixture(std::deque<Stream> streams, bool retry_denied = true,
                   Backoff::Limits backoff = {Duration(1), Duration(1)}) {
    loop_ = std::make_unique<WatchLoop>(WatchLoop::Options{
        .transport = std::make_unique<FakeTransport>(std::move(streams), clock_, calls),
        .state = &state,
        .clock = &clock_,
        .random = &random_,
        .backoff = backoff,
        .retry_permission_denied = retry_denied,
        .on_update =
            [this](const X509Snapshot& s) {
              updates.push_back(s != nullptr);
              update_calls.Add();
            },
        .on_problem = [this](const Error& e) { problems.push_back(e.message); }});
  }
  // Rest waits until the fake agent has been asked `wanted` times, and ends the loop.
  void Rest(int wanted) {
    calls.WaitFor(wanted);
    End();
  }
  void End() { loop_.reset(); }

  SourceState state;
  Calls calls;
  Calls update_calls;
  std::vector<bool> updates;
  std::vector<std::string> problems;

 private:
  FakeClock clock_;
  FakeRandom random_;
  std::unique_ptr<WatchLoop> loop_;
};

template <class... M>
std::vector<X509Message> Messages(M... message) {
  std::vector<X509Message> all;
  (all.push_back(std::move(message)), ...);
  return all;
}

template <class... S>
std::deque<Stream> Streams(S... stream) {
  std::deque<Stream> all;
  (all.push_back(std::move(stream)), ...);
  return all;
}

MonoTime Soon() { return RealClock().Mono() + std::chrono::seconds(20); }

TEST_CASE(
    "WL-07, WL-08: waiters wake at the first identity, and every message replaces the whole "
    "state") {
  const Authority own("example.org");
  const Authority friends("friends.example");
  X509Message first = MessageFor(own, kWeb);
  first.federated_bundles["spiffe://friends.example"] = friends.der();
  Fixture f(
      Streams(Stream{Messages(std::move(first), MessageFor(own, "spiffe://example.org/new")), {}}));
  REQUIRE_OK(f.state.WaitUntilReady(Soon()));
  f.Rest(2);
  const X509Snapshot now = f.state.Current();
  REQUIRE(now != nullptr);
  CHECK(now->default_identity().id().path() == "/new");
  CHECK(now->trust_stores.size() == 1);  // the federated bundle is gone
  CHECK(f.updates == std::vector<bool>{true, true});
}

TEST_CASE(
    "WL-03: a stream that ends is opened again, whether it ended well or not, and keeps the "
    "SVIDs") {
  const Authority own("example.org");
  Fixture f(Streams(Stream{Messages(MessageFor(own, kWeb)), {}},
                    Stream{{}, Unavailable("agent restarts")}, Stream{{}, Internal("odd")}));
  f.Rest(4);
  CHECK(f.state.Current() != nullptr);
  CHECK(f.updates == std::vector<bool>{true});
  CHECK(f.problems == std::vector<std::string>{"agent restarts", "odd"});
}

TEST_CASE("A long-lived stream is opened again without a pause") {
  const Authority own("example.org");
  // With a pause of an hour the second call would never come.
  Fixture f(Streams(Stream{Messages(MessageFor(own, kWeb)), Unavailable("restart"),
                           std::chrono::minutes(1)}),
            true, {std::chrono::hours(1), std::chrono::hours(1)});
  f.Rest(2);
}

TEST_CASE("A server that hangs up at once meets backoff, and closing does not wait for it") {
  const Authority own("example.org");
  Fixture f(Streams(Stream{Messages(MessageFor(own, kWeb)), Unavailable("crash loop")}), true,
            {std::chrono::hours(1), std::chrono::hours(1)});
  REQUIRE_OK(f.state.WaitUntilReady(Soon()));
  f.End();
  SUCCEED("the destructor returned during a pause of an hour");
}

TEST_CASE("EP-15, EP-18: INVALID_ARGUMENT and UNIMPLEMENTED are not retried and wake the waiters") {
  for (const Error& error : {InvalidArgument("no header"), Unimplemented("no such method")}) {
    Fixture f(Streams(Stream{{}, error}));
    REQUIRE_ERROR(f.state.WaitUntilReady(Soon()), error.code, error.message);
    f.End();
    CHECK(f.calls.count() == 1);
  }
}

TEST_CASE("WL-21: PERMISSION_DENIED takes the identities away, and they come back by themselves") {
  const Authority own("example.org");
  Fixture f(Streams(Stream{Messages(MessageFor(own, kWeb)), PermissionDenied("no identity")},
                    Stream{{}, PermissionDenied("no identity")},
                    Stream{Messages(MessageFor(own, kWeb)), {}}));
  f.Rest(4);
  CHECK(f.updates == std::vector<bool>{true, false, true});
  CHECK(f.state.Current() != nullptr);
}

TEST_CASE("PERMISSION_DENIED can be final") {
  const Authority own("example.org");
  Fixture f(Streams(Stream{Messages(MessageFor(own, kWeb)), PermissionDenied("no identity")}),
            false);
  f.update_calls.WaitFor(2);
  f.End();
  CHECK(f.state.Current() == nullptr);
  REQUIRE_ERROR(f.state.WaitUntilReady(Soon()), Code::kPermissionDenied, "no identity");
  CHECK(f.calls.count() == 1);
}

TEST_CASE("WL-10: a message that does not hold is reported and the state before it stays") {
  const Authority own("example.org");
  X509Message empty_bundle = MessageFor(own, "spiffe://example.org/bad");
  empty_bundle.svids[0].bundle.clear();
  Fixture f(
      Streams(Stream{Messages(MessageFor(own, kWeb), std::move(empty_bundle), X509Message()), {}}));
  f.Rest(2);
  CHECK(f.state.Current()->default_identity().id().ToString() == kWeb);
  REQUIRE(f.problems.size() == 2);
  CHECK_THAT(f.problems[0], Catch::Contains("bundle is empty"));
  CHECK_THAT(f.problems[1], Catch::Contains("svids is empty"));
}

TEST_CASE("Who waits in vain is told the last problem") {
  Fixture f(Streams(Stream{{}, Unavailable("connection refused")}));
  f.calls.WaitFor(2);
  REQUIRE_ERROR(f.state.WaitUntilReady(RealClock().Mono()), Code::kDeadlineExceeded,
                "connection refused");
}

TEST_CASE("Readers and waiters on other threads see only whole snapshots") {
  const Authority own("example.org");
  std::vector<X509Message> messages;
  for (int i = 0; i < 100; ++i) {
    messages.push_back(MessageFor(own, "spiffe://example.org/w" + std::to_string(i)));
  }
  Fixture f(Streams(Stream{std::move(messages), {}}));
  std::vector<std::thread> readers;
  std::atomic<bool> whole = true;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      whole = whole && f.state.WaitUntilReady(Soon()).ok();
      for (X509Snapshot s = f.state.Current(); s->default_identity().id().path() != "/w99";
           s = f.state.Current()) {
        whole = whole && s->identities.size() == 1 && s->trust_stores.size() == 1;
      }
    });
  }
  for (std::thread& reader : readers) {
    reader.join();
  }
  CHECK(whole);
}

}  // namespace
}  // namespace signet::client
