#include "workload-api/client/x509_source.h"

#include <utility>

#include "core/base/random.h"
#include "workload-api/client/endpoint.h"
#include "workload-api/client/source_state.h"
#include "workload-api/client/watch_loop.h"

namespace signet::client {

struct X509Source::Impl {
  RealClock clock;
  SystemRandom random;
  SourceState state;
  std::unique_ptr<WatchLoop> loop;  // last: it uses the others and ends first
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
X509Source::~X509Source() = default;

X509Snapshot X509Source::Current() const { return impl_->state.Current(); }

Status X509Source::WaitUntilReady(MonoTime deadline) const {
  return impl_->state.WaitUntilReady(deadline);
}

Status X509Source::WaitUntilReady(Duration timeout) const {
  return WaitUntilReady(impl_->clock.Mono() + timeout);
}

}  // namespace signet::client
