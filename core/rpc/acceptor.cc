#include "core/rpc/acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "core/rpc/peer_process.h"

namespace signet::rpc {
namespace {

constexpr int kAcceptsPerTurn = 32;
// With no descriptor left accept fails at once, again and again; half a second lets others close
// theirs.
constexpr Duration kPause = std::chrono::milliseconds(500);
constexpr double kLogsPerSecond = 1;
constexpr double kLogBurst = 10;

}  // namespace

Acceptor::Acceptor(ServerShared& shared, std::shared_ptr<ListenerState> listener,
                   std::vector<Worker*> workers)
    : shared_(shared),
      listener_(std::move(listener)),
      workers_(std::move(workers)),
      loop_(workers_.front()->loop()),
      log_bucket_(kLogsPerSecond, kLogBurst) {}

Acceptor::~Acceptor() = default;

Status Acceptor::Start() {
  started_ = true;
  return loop_.Add(listener_->fd(), *this, EPOLLIN);
}

void Acceptor::Stop() {
  if (!started_) {
    return;
  }
  started_ = false;
  loop_.timers().Cancel(*this);
  loop_.Remove(listener_->fd(), *this);
  listener_->unix_file.reset();
  listener_->tcp.socket.Reset();
}

void Acceptor::OnEvents(std::uint32_t) {
  for (int i = 0; i < kAcceptsPerTurn && AcceptOne(); ++i) {
  }
}

bool Acceptor::AcceptOne() {
  UniqueFd socket(::accept4(listener_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) {
    Admit(std::move(socket));
    return true;
  }
  const int why = errno;
  if (why == EMFILE || why == ENFILE || why == ENOBUFS || why == ENOMEM) {
    Refuse(std::string("cannot accept: ") + std::strerror(why));
    Pause();
  }
  return why == ECONNABORTED || why == EINTR;
}

void Acceptor::Pause() {
  loop_.Modify(listener_->fd(), *this, 0);
  loop_.timers().Arm(*this, loop_.now() + kPause);
}

void Acceptor::OnTimer(MonoTime) { loop_.Modify(listener_->fd(), *this, EPOLLIN); }

Result<std::shared_ptr<Peer>> Acceptor::Identify(const UniqueFd& socket, std::string& key) const {
  auto peer = std::make_shared<Peer>();
  if (listener_->unix_file) {
    SIGNET_TRY_ASSIGN(PeerProcess process, PinPeer(socket.get()));
    key = "uid:" + std::to_string(process.uid);
    peer->process = std::make_shared<const PeerProcess>(std::move(process));
    return peer;
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  peer->address = PeerAddress(socket.get());
  key = "ip:" + AddressKey(peer->address);
  return peer;
}

void Acceptor::Admit(UniqueFd socket) {
  std::string key;
  Result<std::shared_ptr<Peer>> peer = Identify(socket, key);
  if (!peer.ok()) {
    return Refuse(peer.error().message);
  }
  if (!listener_->account.empty()) {
    key = "account:" + listener_->account;
  }
  Result<std::shared_ptr<Slot>> slot =
      shared_.peers.Admit(key, listener_->service->limits, loop_.now());
  if (!slot.ok()) {
    return Refuse(slot.error().message);
  }
  shared_.gauges->connections_accepted.fetch_add(1, std::memory_order_relaxed);
  Worker& worker = *workers_[next_worker_++ % workers_.size()];
  worker.Serve({.listener = listener_,
                .socket = std::move(socket),
                .peer = *std::move(peer),
                .peer_key = std::move(key),
                .slot = *std::move(slot)});
}

void Acceptor::Refuse(std::string_view reason) {
  shared_.gauges->connections_refused.fetch_add(1, std::memory_order_relaxed);
  if (shared_.logger != nullptr && log_bucket_.Take(loop_.now())) {
    shared_.logger->Warn("connection refused", {{"reason", reason}});
  }
}

}  // namespace signet::rpc
