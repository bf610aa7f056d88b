#include "core/rpc/worker.h"

#include <malloc.h>

#include <algorithm>

namespace signet::rpc {

Result<std::unique_ptr<Worker>> Worker::Create(ServerShared& shared) {
  SIGNET_TRY_ASSIGN(std::unique_ptr<Loop> loop, Loop::Create(*shared.clock));
  return std::unique_ptr<Worker>(new Worker(shared, std::move(loop)));
}

Worker::~Worker() { Stop(); }

void Worker::Start() {
  thread_ = std::thread([this] { loop_->Run(); });
}

void Worker::Stop() {
  if (!thread_.joinable()) {
    return;
  }
  // Connections end on their own loop, as everything of theirs happens there.
  loop_->PostFunction([this] { CloseIf([](const Peer&) { return true; }); });
  loop_->Stop();
  thread_.join();
  loop_->timers().Cancel(trim_);
}

void Worker::Serve(Admitted admitted) {
  auto shared = std::make_shared<Admitted>(std::move(admitted));
  loop_->PostFunction([this, shared] { Open(std::move(*shared)); });
}

void Worker::Open(Admitted admitted) {
  Result<std::unique_ptr<Transport>> transport =
      admitted.listener->tls ? admitted.listener->tls->Accept(std::move(admitted.socket))
                             : MakePlainTransport(std::move(admitted.socket));
  if (!transport.ok()) {
    shared_.gauges->connections_refused.fetch_add(1, std::memory_order_relaxed);
    if (shared_.logger != nullptr) {
      shared_.logger->Warn("connection refused",
                           {{"peer", admitted.peer_key}, {"reason", transport.error()}});
    }
    return;
  }
  auto connection = std::make_shared<Connection>(
      Connection::Setup{.loop = loop_.get(),
                        .service = admitted.listener->service,
                        .logger = shared_.logger,
                        .transport = *std::move(transport),
                        .peer = std::move(admitted.peer),
                        .peer_key = std::move(admitted.peer_key),
                        .slot = std::move(admitted.slot),
                        .gauges = shared_.gauges,
                        .jitter = shared_.random.Uniform01(),
                        .on_closed = [this](Connection& closed) { Forget(closed); }});
  connection->index = connections_.size();
  connections_.push_back(connection);
  crowd_ = std::max(crowd_, connections_.size());
  if (const Status started = connection->Start(); !started.ok()) {
    connection->Close(started.error().message);
  } else if (going_away_) {
    connection->GoAway();
  }
}

void Worker::Forget(Connection& connection) {
  const std::size_t index = connection.index;
  loop_->Bury(std::move(connections_[index]));
  if (index + 1 != connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index = index;
  }
  connections_.pop_back();
  // Posted twice: what is posted while sockets are served runs in the same turn, before that turn
  // frees what it has buried. Only then has the count fallen, and is there memory to give back.
  loop_->PostFunction([this] { loop_->PostFunction([this] { AfterBurial(); }); });
}

void Worker::AfterBurial() {
  // glibc would keep what a flood of connections has cost until the process ends. A trim takes
  // milliseconds: only the leaving of a crowd is worth one, once it is over.
  constexpr std::size_t kCrowd = 64;
  constexpr Duration kQuiet = std::chrono::milliseconds(200);
  if (crowd_ >= kCrowd && connections_.size() <= crowd_ / 2 && !trim_.armed()) {
    loop_->timers().Arm(trim_, shared_.clock->Mono() + kQuiet);
  }
  const std::lock_guard lock(shared_.mutex);  // pairs with Drain's wait
  shared_.emptied.notify_all();
}

void Worker::Trim::OnTimer(MonoTime) {
  worker_.crowd_ = worker_.connections_.size();
  ::malloc_trim(0);
}

void Worker::GoAway() {
  going_away_ = true;
  for (std::size_t i = connections_.size(); i > 0; --i) {
    connections_[i - 1]->GoAway();  // may close it: from the back, so that none is passed over
  }
}

void Worker::Cancel() {
  for (std::size_t i = connections_.size(); i > 0; --i) {
    connections_[i - 1]->Cancel({Code::kUnavailable, "server is shutting down"});
  }
}

void Worker::End(const Service& service, const std::optional<RpcStatus>& status) {
  for (std::size_t i = connections_.size(); i > 0; --i) {
    Connection& connection = *connections_[i - 1];
    if (&connection.service() != &service) {
      continue;
    }
    if (status) {
      connection.Cancel(*status);
    } else {
      connection.GoAway();
    }
  }
}

void Worker::CloseIf(const std::function<bool(const Peer&)>& pick) {
  for (std::size_t i = connections_.size(); i > 0; --i) {
    if (pick(connections_[i - 1]->peer())) {
      connections_[i - 1]->Close("closed by the server");
    }
  }
}

}  // namespace signet::rpc
