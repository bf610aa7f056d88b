#include "workload-api/authorizer/authorizer.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <unordered_map>
#include <utility>

#include "core/base/files.h"
#include "core/rpc/listen_socket.h"
#include "workload-api/authorizer/connection.h"

namespace signet::authorizer {
namespace {

constexpr int kAcceptsPerTurn = 16;
// With no descriptor left accept fails at once, again and again.
constexpr Duration kPause = std::chrono::milliseconds(200);
// A proxy without keep-alive connects once for each request.
constexpr double kConnectionsPerSecond = 50'000;
constexpr double kRefusalsLogged = 1;  // a second

rpc::Limits RpcLimits(const Limits& limits) {
  rpc::Limits out;
  out.max_connections = limits.max_connections;
  out.max_connections_per_peer = limits.max_connections_per_user;
  out.new_connections_per_second_per_peer = kConnectionsPerSecond;
  out.max_buffered_bytes = limits.max_buffered_bytes;
  return out;
}

Result<rpc::UnixSocketFile> Listen(const Options& options) {
  SIGNET_TRY_ASSIGN(auto file,
                    rpc::UnixSocketFile::Listen(options.socket_path, options.socket_mode));
  if (options.socket_group &&
      ::lchown(options.socket_path.c_str(), static_cast<uid_t>(-1), *options.socket_group) != 0) {
    return FailedPrecondition("cannot give the socket " + options.socket_path + " to group " +
                              std::to_string(*options.socket_group) + ": " + ErrnoText(errno));
  }
  return file;
}

/// Serving is the listening socket and its connections, on one loop.
class Serving final : public Authorizer, public rpc::Source, public rpc::Timer {
 public:
  Serving(Options options, const World& world, std::unique_ptr<rpc::Loop> loop,
          rpc::UnixSocketFile file)
      : world_(world),
        limits_(RpcLimits(options.limits)),
        handler_(std::move(options.policies), options.log_allowed, world),
        refusals_(kRefusalsLogged, kRefusalsLogged),
        loop_(std::move(loop)),
        file_(std::move(file)) {}

  ~Serving() override {
    if (thread_.joinable()) {
      loop_->Stop();
      thread_.join();
      loop_->timers().Cancel(*this);
      loop_->Remove(file_.fd(), *this);
    }
    for (auto& [address, connection] : connections_) {
      loop_->timers().Cancel(*connection);
    }
  }

  Status Open() {
    SIGNET_TRY(loop_->Add(file_.fd(), *this, EPOLLIN));
    thread_ = std::thread([this] { loop_->Run(); });
    return {};
  }

 private:
  void OnEvents(std::uint32_t) override {
    for (int i = 0; i < kAcceptsPerTurn && AcceptOne(); ++i) {
    }
  }

  void OnTimer(MonoTime) override { loop_->Modify(file_.fd(), *this, EPOLLIN); }

  bool AcceptOne() {
    UniqueFd socket(::accept4(file_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      Admit(std::move(socket));
      return true;
    }
    const int why = errno;
    if (why == EMFILE || why == ENFILE || why == ENOBUFS || why == ENOMEM) {
      Refused("cannot accept: " + ErrnoText(why));
      loop_->Modify(file_.fd(), *this, 0);
      loop_->timers().Arm(*this, loop_->now() + kPause);
    }
    return why == ECONNABORTED || why == EINTR;
  }

  void Admit(UniqueFd socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
      return Refused("cannot read the peer's credentials: " + ErrnoText(errno));
    }
    const std::string key = "uid:" + std::to_string(credentials.uid);
    auto slot = peers_.Admit(key, limits_, loop_->now());
    if (!slot.ok()) {
      return Refused(slot.error().message);
    }
    auto connection = std::make_shared<Connection>(
        Connection::Setup{.loop = loop_.get(),
                          .handler = &handler_,
                          .socket = std::move(socket),
                          .caller = {.pid = credentials.pid, .uid = credentials.uid},
                          .slot = *std::move(slot),
                          .on_closed = [this](Connection& closed) { Forget(closed); }});
    const Status started = connection->Start(key);
    if (!started.ok()) {
      return Refused(started.error().message);
    }
    connections_.emplace(connection.get(), std::move(connection));
  }

  void Forget(Connection& connection) {
    const auto found = connections_.find(&connection);
    loop_->Bury(std::move(found->second));
    connections_.erase(found);
  }

  void Refused(const std::string& reason) {
    if (refusals_.Take(loop_->now())) {
      world_.logger.Warn("authorizer: connection refused", {{"reason", reason}});
    }
  }

  const World world_;
  const rpc::Limits limits_;
  Handler handler_;
  rpc::PeerTable peers_;
  rpc::TokenBucket refusals_;
  std::unique_ptr<rpc::Loop> loop_;
  rpc::UnixSocketFile file_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Authorizer>> Authorizer::Start(Options options, const World& world) {
  SIGNET_TRY_ASSIGN(auto file, Listen(options));
  SIGNET_TRY_ASSIGN(auto loop, rpc::Loop::Create(world.clock));
  auto serving =
      std::make_unique<Serving>(std::move(options), world, std::move(loop), std::move(file));
  SIGNET_TRY(serving->Open());
  return std::unique_ptr<Authorizer>(std::move(serving));
}

}  // namespace signet::authorizer
