#include "workload-api/client/x509_source.h"

#include <sys/types.h>
#include <unistd.h>

#include <utility>

#include "core/base/random.h"
#include "workload-api/client/endpoint.h"
#include "workload-api/client/source_state.h"
#include "workload-api/client/watch_loop.h"

namespace signet::client {

namespace {

Error Forked() {
  return FailedPrecondition(
      "this process was forked from the one that opened the source, and the source's thread stayed "
      "behind; open a source after fork()");
}

}  // namespace

struct X509Source::Impl {
  const pid_t process = ::getpid();
  RealClock clock;
  SystemRandom random;
  SourceState state;
  std::unique_ptr<WatchLoop> loop;  // last: it uses the others and ends first

  // In a forked child no member may be touched: a lock may be held by a thread that is not there.
  bool forked() const { return ::getpid() != process; }
};

Result<std::shared_ptr<X509Source>> X509Source::Open(X509SourceOptions options) {
  SIGNET_TRY_ASSIGN(const Endpoint endpoint, options.endpoint.empty()
                                                 ? EndpointFromEnvironment()
                                                 : ParseEndpoint(options.endpoint));
  if (options.min_backoff <= Duration::zero() || options.max_backoff < options.min_backoff) {
    return InvalidArgument("backoff: wanted 0 < min_backoff <= max_backoff");
  }
  auto impl = std::make_unique<Impl>();
  impl->loop = std::make_unique<WatchLoop>(
      WatchLoop::Options{.transport = MakeGrpcTransport(endpoint),
                         .state = &impl->state,
                         .clock = &impl->clock,
                         .random = &impl->random,
                         .backoff = {options.min_backoff, options.max_backoff},
                         .retry_permission_denied = options.retry_permission_denied,
                         .picker = std::move(options.picker),
                         .on_update = std::move(options.on_update),
                         .on_problem = std::move(options.on_problem)});
  return std::shared_ptr<X509Source>(new X509Source(std::move(impl)));
}

X509Source::X509Source(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
X509Source::~X509Source() {
  if (impl_->forked()) {
    (void)impl_.release();  // there is no thread to join
  }
}

X509Snapshot X509Source::Current() const {
  return impl_->forked() ? nullptr : impl_->state.Current();
}

Error X509Source::Problem() const { return impl_->forked() ? Forked() : impl_->state.Problem(); }

Status X509Source::WaitUntilReady(MonoTime deadline) const {
  if (impl_->forked()) {
    return Forked();
  }
  return impl_->state.WaitUntilReady(deadline);
}

Status X509Source::WaitUntilReady(Duration timeout) const {
  return WaitUntilReady(impl_->clock.Mono() + timeout);
}

}  // namespace signet::client
