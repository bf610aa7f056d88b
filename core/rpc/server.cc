#include "core/rpc/server.h"

#include <algorithm>
#include <future>
#include <map>

#include "core/rpc/acceptor.h"

namespace signet::rpc {
namespace {

class ServerImpl final : public Server {
 public:
  ~ServerImpl() override { Stop(); }

  Status Init(ServerOptions options);
  std::uint16_t tcp_port(std::size_t listener) const override { return tcp_ports_.at(listener); }
  ServerCounters counters() const override;
  void Drain(Duration grace) override;
  void CloseConnections(std::function<bool(const Peer&)> pick) override;
  Result<ListenerId> AddListener(ListenerOptions options) override;
  bool RemoveListener(ListenerId id, std::optional<RpcStatus> end) override;

 private:
  static Result<std::shared_ptr<ListenerState>> Bind(ListenerOptions options);
  Status StartLoops(std::size_t count);
  Result<ListenerId> Accept(std::shared_ptr<ListenerState> listener);
  static void OnLoop(Worker& worker, const std::function<void()>& work);
  void StopAccepting();
  void Stop();
  bool WaitEmpty(Duration grace);

  ServerShared shared_;
  std::vector<std::shared_ptr<ListenerState>> bound_;  ///< until the loops start
  std::vector<std::uint16_t> tcp_ports_;
  std::vector<std::unique_ptr<Worker>> workers_;
  // Of the first loop, which accepts:
  std::map<ListenerId, std::shared_ptr<Acceptor>> acceptors_;
  ListenerId next_id_ = 1;
  bool draining_ = false;
};

Status ServerImpl::Init(ServerOptions options) {
  if (options.clock == nullptr || options.listeners.empty()) {
    return InvalidArgument("a server needs a clock and at least one listener");
  }
  shared_.clock = options.clock;
  shared_.logger = options.logger;
  for (ListenerOptions& listener : options.listeners) {
    SIGNET_TRY_ASSIGN(std::shared_ptr<ListenerState> state, Bind(std::move(listener)));
    tcp_ports_.push_back(state->tcp.port);
    bound_.push_back(std::move(state));
  }
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  return StartLoops(options.loops > 0 ? options.loops : cores);
}

Result<std::shared_ptr<ListenerState>> ServerImpl::Bind(ListenerOptions options) {
  if (options.unix_path.empty() == options.tcp_address.empty()) {
    return InvalidArgument("a listener needs either a socket path or a TCP address");
  }
  auto state = std::make_shared<ListenerState>();
  state->service = std::make_shared<const Service>(
      Service{std::move(options.methods), std::move(options.interceptor), options.limits});
  state->account = std::move(options.account);
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
  return state;
}

Status ServerImpl::StartLoops(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    SIGNET_TRY_ASSIGN(std::unique_ptr<Worker> worker, Worker::Create(shared_));
    workers_.push_back(std::move(worker));
  }
  for (std::shared_ptr<ListenerState>& listener : bound_) {
    SIGNET_TRY(Accept(std::move(listener)));
  }
  bound_.clear();
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->Start();
  }
  return {};
}

/// Accept starts taking connections: on the first loop, or before it runs.
Result<ListenerId> ServerImpl::Accept(std::shared_ptr<ListenerState> listener) {
  std::vector<Worker*> workers;
  for (const std::unique_ptr<Worker>& worker : workers_) {
    workers.push_back(worker.get());
  }
  auto acceptor = std::make_shared<Acceptor>(shared_, std::move(listener), std::move(workers));
  SIGNET_TRY(acceptor->Start());
  acceptors_.emplace(next_id_, std::move(acceptor));
  return next_id_++;
}

/// OnLoop runs work on a worker's loop and waits for it.
void ServerImpl::OnLoop(Worker& worker, const std::function<void()>& work) {
  std::promise<void> done;
  worker.loop().PostFunction([&work, &done] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

Result<ListenerId> ServerImpl::AddListener(ListenerOptions options) {
  if (options.unix_path.empty()) {
    return InvalidArgument("only a Unix socket can be added to a running server");
  }
  SIGNET_TRY_ASSIGN(std::shared_ptr<ListenerState> listener, Bind(std::move(options)));
  Result<ListenerId> id = FailedPrecondition("the server is shutting down");
  OnLoop(*workers_.front(), [this, &listener, &id] {
    if (!draining_) {
      id = Accept(std::move(listener));
    }
  });
  return id;
}

bool ServerImpl::RemoveListener(ListenerId id, std::optional<RpcStatus> end) {
  std::shared_ptr<Acceptor> acceptor;
  OnLoop(*workers_.front(), [this, id, &acceptor] {
    if (auto found = acceptors_.extract(id)) {
      acceptor = std::move(found.mapped());
      acceptor->Stop();
    }
  });
  if (acceptor == nullptr) {
    return false;
  }
  // Behind the connections that were accepted before, which are on their way to their loops.
  for (const std::unique_ptr<Worker>& worker : workers_) {
    OnLoop(*worker,
           [&worker, &acceptor, &end] { worker->End(*acceptor->listener().service, end); });
  }
  return true;
}

void ServerImpl::StopAccepting() {
  OnLoop(*workers_.front(), [this] {
    draining_ = true;
    for (const auto& [id, acceptor] : acceptors_) {
      acceptor->Stop();
    }
  });
}

void ServerImpl::Stop() {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->Stop();
  }
  // The loops' threads have ended: the rest happens here, alone.
  for (const auto& [id, acceptor] : acceptors_) {
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
