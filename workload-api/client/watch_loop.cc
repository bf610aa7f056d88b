#include "workload-api/client/watch_loop.h"

#include <utility>

namespace signet::client {
namespace {

// A stream that lived this long is opened again without a pause; a server that hangs up sooner
// meets backoff.
constexpr Duration kHealthyAfter = std::chrono::seconds(1);

}  // namespace

WatchLoop::WatchLoop(Options options)
    : options_(std::move(options)), backoff_(options_.backoff, *options_.random) {
  thread_ = std::thread([this] { Run(); });
}

WatchLoop::~WatchLoop() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  options_.transport->Cancel();
  thread_.join();
}

void WatchLoop::Run() {
  while (true) {
    Status how_it_ended;
    const bool healthy = WatchOnce(how_it_ended);
    Duration pause = Duration::zero();
    if (healthy) {
      backoff_.Reset();
    } else {
      pause = backoff_.Next();
    }
    // The first Pause only asks whether we are ending: a cancelled stream is no problem to report.
    if (!Pause(Duration::zero()) || !Retry(how_it_ended) || !Pause(pause)) {
      return;
    }
  }
}

bool WatchLoop::WatchOnce(Status& how_it_ended) {
  const MonoTime opened = options_.clock->Mono();
  bool good_message = false;
  how_it_ended = options_.transport->Watch([this, &good_message](X509Message message) {
    good_message = Apply(std::move(message)) || good_message;
  });
  return good_message && options_.clock->Mono() - opened >= kHealthyAfter;
}

bool WatchLoop::Apply(X509Message message) {
  auto context = BuildX509Context(std::move(message), options_.picker);
  if (!context.ok()) {
    Report(context.error().Context("a message of the Workload API was dropped"));
    return false;
  }
  auto snapshot = std::make_shared<const X509Context>(*std::move(context));
  options_.state->Publish(snapshot);
  for (const std::string& warning : snapshot->warnings) {
    if (options_.on_problem) {
      options_.on_problem(InvalidArgument(warning));
    }
  }
  if (options_.on_update) {
    options_.on_update(snapshot);
  }
  return true;
}

bool WatchLoop::Retry(const Status& how_it_ended) {
  if (how_it_ended.ok()) {
    return true;
  }
  const Error& error = how_it_ended.error();
  const bool redacted = error.code == Code::kPermissionDenied;
  if (redacted) {
    const bool had_one = options_.state->Current() != nullptr;
    options_.state->Redact(error);
    if (had_one && options_.on_update) {
      options_.on_update(nullptr);
    }
  }
  Report(error);
  const bool final = error.code == Code::kInvalidArgument || error.code == Code::kUnimplemented ||
                     (redacted && !options_.retry_permission_denied);
  if (final) {
    options_.state->End(error);
  }
  return !final;
}

void WatchLoop::Report(const Error& problem) {
  options_.state->Note(problem);
  if (options_.on_problem) {
    options_.on_problem(problem);
  }
}

bool WatchLoop::Pause(Duration time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return ending_; });
  return !ending_;
}

}  // namespace signet::client
