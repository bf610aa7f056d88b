#include "workload-api/client/x509_source.h"

#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/client/fake_workload_api.h"
#include "tests/workload-api/client/test_pki.h"

namespace signet::client {
namespace {

using signet::test::TempDir;
using test::Authority;
using test::FakeWorkloadApi;
using test::MessageFor;

constexpr const char* kWeb = "spiffe://example.org/web";
constexpr auto kPatience = std::chrono::seconds(20);

// Updates waits for what a source reports: the path of the default identity, or "-" when it was
// taken away.
class Updates {
 public:
  void Add(const X509Snapshot& snapshot) {
    const std::lock_guard lock(mutex_);
    last_ = snapshot ? snapshot->default_identity().id().path() : "-";
    changed_.notify_all();
  }
  bool WaitFor(const std::string& path) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return last_ == path; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string last_;
};

X509SourceOptions Watching(const std::string& endpoint, Updates& updates) {
  return {.endpoint = endpoint,
          .on_update = [&updates](const X509Snapshot& s) { updates.Add(s); },
          .min_backoff = std::chrono::milliseconds(5),
          .max_backoff = std::chrono::milliseconds(50)};
}

TEST_CASE(
    "EP-02, EP-05, EP-22, WL-21: a source follows the agent through rotation, denial, return and "
    "restart") {
  const TempDir dir;
  const Authority own("example.org");
  const std::string socket = "unix:" + dir.File("api.sock");
  Updates updates;
  auto api = std::make_unique<FakeWorkloadApi>(socket);
  api->Say(MessageFor(own, kWeb));
  const auto source = X509Source::Open(Watching(socket, updates));
  REQUIRE_OK(source);
  REQUIRE_OK((*source)->WaitUntilReady(kPatience));
  CHECK((*source)->Current()->default_identity().id().ToString() == kWeb);
  CHECK(api->last_header() == std::vector<std::string>{"true"});

  api->Say(MessageFor(own, "spiffe://example.org/rotated"));
  CHECK(updates.WaitFor("/rotated"));
  api->Deny(PermissionDenied("no identity issued"));
  CHECK(updates.WaitFor("-"));
  CHECK((*source)->Current() == nullptr);
  api->Say(MessageFor(own, "spiffe://example.org/back"));
  CHECK(updates.WaitFor("/back"));

  api.reset();
  CHECK((*source)->Current() != nullptr);
  api = std::make_unique<FakeWorkloadApi>(socket);
  api->Say(MessageFor(own, "spiffe://example.org/restarted"));
  CHECK(updates.WaitFor("/restarted"));
}

TEST_CASE("A source may be opened before the agent is there, on TCP as well") {
  const Authority own("example.org");
  FakeWorkloadApi api("127.0.0.1:0");
  api.Say(MessageFor(own, kWeb));
  Updates updates;
  const auto tcp =
      X509Source::Open(Watching("tcp://127.0.0.1:" + std::to_string(api.port()), updates));
  REQUIRE_OK(tcp);
  CHECK(updates.WaitFor("/web"));

  const TempDir dir;
  const std::string path = "unix:" + dir.File("with space & %.sock");
  Updates late_updates;
  auto options = Watching("unix://" + dir.path() + "/with%20space%20%26%20%25.sock", late_updates);
  std::promise<void> problem;
  options.on_problem = [&problem, told = false](const Error&) mutable {
    if (!std::exchange(told, true)) {
      problem.set_value();
    }
  };
  const auto late = X509Source::Open(std::move(options));
  REQUIRE_OK(late);
  REQUIRE(problem.get_future().wait_for(kPatience) == std::future_status::ready);
  REQUIRE_ERROR((*late)->WaitUntilReady(std::chrono::milliseconds(0)), Code::kDeadlineExceeded,
                "last problem");
  FakeWorkloadApi late_api(path);
  late_api.Say(MessageFor(own, kWeb));
  CHECK(late_updates.WaitFor("/web"));
}

TEST_CASE("EP-15: an agent that answers INVALID_ARGUMENT is asked once") {
  const TempDir dir;
  const std::string socket = "unix:" + dir.File("api.sock");
  FakeWorkloadApi api(socket);
  api.Deny(InvalidArgument("security header missing"));
  Updates updates;
  const auto source = X509Source::Open(Watching(socket, updates));
  REQUIRE_OK(source);
  REQUIRE_ERROR((*source)->WaitUntilReady(kPatience), Code::kInvalidArgument, "security header");
  CHECK(api.calls() == 1);
}

TEST_CASE("After fork the child's source holds nothing, says why and ends without its thread") {
  const Authority own("example.org");
  const TempDir dir;
  FakeWorkloadApi api("unix:" + dir.File("api.sock"));
  api.Say(MessageFor(own, kWeb));
  auto source = *X509Source::Open({.endpoint = "unix:" + dir.File("api.sock")});
  REQUIRE_OK(source->WaitUntilReady(kPatience));
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {  // a failed REQUIRE must not run the rest of the tests here
    ::alarm(10);
    const Status ready = source->WaitUntilReady(kPatience);
    const bool right = ready.code() == Code::kFailedPrecondition && source->Current() == nullptr &&
                       source->Problem().message.find("fork") != std::string::npos;
    source.reset();
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(source->Current() != nullptr);
}

TEST_CASE("A source with a wrong endpoint or wrong backoff does not open") {
  REQUIRE_ERROR(X509Source::Open({.endpoint = "http://x"}), Code::kInvalidArgument, "scheme");
  REQUIRE_ERROR(X509Source::Open({.endpoint = "unix:///x", .min_backoff = std::chrono::hours(1)}),
                Code::kInvalidArgument, "backoff");
}

}  // namespace
}  // namespace signet::client
