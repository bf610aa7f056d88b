#include "core/rpc/server.h"

#include <algorithm>

#include "core/rpc/acceptor.h"

namespace signet::rpc {
namespace {

class ServerImpl final : public Server {
 public:
  ~ServerImpl() override { Stop(); }

  Status Init(ServerOptions options);
  std::uint16_t tcp_port(std::size_t listener) const override {
    return listeners_.at(listener)->tcp.port;
  }
  ServerCounters counters() const override;
  void Drain(Duration grace) override;
  void CloseConnections(std::function<bool(const Peer&)> pick) override;

 private:
  Status Bind(ListenerOptions options);
  Status StartLoops(std::size_t count);
  void StopAccepting();
  void Stop();
  bool WaitEmpty(Duration grace);

  ServerShared shared_;
  std::vector<std::unique_ptr<ListenerState>> listeners_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
};

Status ServerImpl::Init(ServerOptions options) {
  if (options.clock == nullptr || options.listeners.empty()) {
    return InvalidArgument("a server needs a clock and at least one listener");
  }
  shared_.clock = options.clock;
  shared_.logger = options.logger;
  for (ListenerOptions& listener : options.listeners) {
    SIGNET_TRY(Bind(std::move(listener)));
  }
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  return StartLoops(options.loops > 0 ? options.loops : cores);
}

Status ServerImpl::Bind(ListenerOptions options) {
  if (options.unix_path.empty() == options.tcp_address.empty()) {
    return InvalidArgument("a listener needs either a socket path or a TCP address");
  }
  auto state = std::make_unique<ListenerState>();
  state->service = {std::move(options.methods), std::move(options.interceptor), options.limits};
  if (!options.unix_path.empty()) {
    SIGNET_TRY_ASSIGN(UnixSocketFile file,
                      UnixSocketFile::Listen(options.unix_path, options.unix_mode));
    state->unix_file.emplace(std::move(file));
  } else {
    if (!options.tls.identity) {
      return InvalidArgument("a TCP listener needs a TLS identity");
    }
    SIGNET_TRY_ASSIGN(state->tcp, ListenTcp(options.tcp_address, options.tcp_port));
    state->tls = TlsAcceptor::Create(std::move(options.tls));
  }
  listeners_.push_back(std::move(state));
  return {};
}

Status ServerImpl::StartLoops(std::size_t count) {
  std::vector<Worker*> workers;
  for (std::size_t i = 0; i < count; ++i) {
    SIGNET_TRY_ASSIGN(std::unique_ptr<Worker> worker, Worker::Create(shared_));
    workers.push_back(worker.get());
    workers_.push_back(std::move(worker));
  }
  for (const std::unique_ptr<ListenerState>& listener : listeners_) {
    acceptors_.push_back(std::make_unique<Acceptor>(shared_, *listener, workers));
    SIGNET_TRY(acceptors_.back()->Start());
  }
  for (Worker* worker : workers) {
    worker->Start();
  }
  return {};
}

void ServerImpl::StopAccepting() {
  // On the loop that accepts, and waited for: afterwards nothing new arrives.
  auto stopped = std::make_shared<std::atomic<bool>>(false);
  workers_.front()->loop().PostFunction([this, stopped] {
    for (const std::unique_ptr<Acceptor>& acceptor : acceptors_) {
      acceptor->Stop();
    }
    const std::lock_guard lock(shared_.mutex);
    *stopped = true;
    shared_.emptied.notify_all();
  });
  std::unique_lock lock(shared_.mutex);
  shared_.emptied.wait(lock, [&stopped] { return stopped->load(); });
}

void ServerImpl::Stop() {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->Stop();
  }
  // The loops' threads have ended: the rest happens here, alone.
  for (const std::unique_ptr<Acceptor>& acceptor : acceptors_) {
    acceptor->Stop();
  }
  acceptors_.clear();
  workers_.clear();
}

bool ServerImpl::WaitEmpty(Duration grace) {
  // Looked at again in short steps as well: the last holder of a connection may be a call that the
  // service still holds, which lets go of it on a thread of its own and wakes nobody.
  constexpr Duration kStep = std::chrono::milliseconds(20);
  const auto empty = [this] { return shared_.gauges->connections_open == 0; };
  std::unique_lock lock(shared_.mutex);
  for (Duration waited{}; waited < grace; waited += kStep) {
    if (shared_.emptied.wait_for(lock, std::min(kStep, grace - waited), empty)) {
      return true;
    }
  }
  return empty();
}

void ServerImpl::Drain(Duration grace) {
  constexpr Duration kFarewell =
      std::chrono::seconds(1);  // for the statuses of cancelled calls to leave
  StopAccepting();
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->loop().PostFunction([w = worker.get()] { w->GoAway(); });
  }
  if (WaitEmpty(grace)) {
    return;
  }
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->loop().PostFunction([w = worker.get()] { w->Cancel(); });
  }
  if (WaitEmpty(kFarewell)) {
    return;
  }
  CloseConnections([](const Peer&) { return true; });
}

void ServerImpl::CloseConnections(std::function<bool(const Peer&)> pick) {
  auto shared = std::make_shared<const std::function<bool(const Peer&)>>(std::move(pick));
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->loop().PostFunction([w = worker.get(), shared] { w->CloseIf(*shared); });
  }
}

ServerCounters ServerImpl::counters() const {
  const Gauges& g = *shared_.gauges;
  return {.connections_open = g.connections_open,
          .calls_open = g.calls_open,
          .connections_accepted = g.connections_accepted,
          .connections_refused = g.connections_refused,
          .calls_started = g.calls_started};
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  auto server = std::make_unique<ServerImpl>();
  SIGNET_TRY(server->Init(std::move(options)));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace signet::rpc
