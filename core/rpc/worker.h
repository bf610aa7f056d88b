#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/base/random.h"
#include "core/rpc/connection.h"
#include "core/rpc/limits.h"
#include "core/rpc/listen_socket.h"
#include "core/rpc/tls.h"

namespace signet::rpc {

/// ListenerState is a listener as it serves: immutable but for its sockets, which belong to the
/// first loop. Its service lives as long as the last connection that it accepted.
struct ListenerState {
  std::shared_ptr<const Service> service;
  std::string account;  ///< what its peers count as; empty: each for itself
  std::optional<UnixSocketFile> unix_file;
  TcpSocket tcp;
  std::unique_ptr<TlsAcceptor> tls;
  int fd() const { return unix_file ? unix_file->fd() : tcp.socket.get(); }
};

/// ServerShared is what all loops of a server use. It outlives them.
struct ServerShared {
  const Clock* clock = nullptr;
  Logger* logger = nullptr;
  PeerTable peers;
  std::shared_ptr<Gauges> gauges = std::make_shared<Gauges>();
  SystemRandom random;
  std::mutex mutex;
  std::condition_variable emptied;  ///< a connection has closed
};

/// Admitted is an accepted socket on its way to the loop that will serve it.
struct Admitted {
  std::shared_ptr<const ListenerState> listener;
  UniqueFd socket;
  std::shared_ptr<Peer> peer;
  std::string peer_key;
  std::shared_ptr<Slot> slot;
};

/// Worker is one event loop's thread with its connections.
class Worker {
 public:
  static Result<std::unique_ptr<Worker>> Create(ServerShared& shared);
  ~Worker();  ///< ends every connection, then the thread
  void Start();
  /// Stop ends the connections and the thread; again does nothing.
  void Stop();

  Loop& loop() { return *loop_; }
  /// Serve takes a connection over; from any thread.
  void Serve(Admitted admitted);

  // On the loop:
  void GoAway();
  void Cancel();
  /// End ends the connections of one listener: with a status their calls end so, without one they
  /// may finish.
  void End(const Service& service, const std::optional<RpcStatus>& status);
  void CloseIf(const std::function<bool(const Peer&)>& pick);

 private:
  Worker(ServerShared& shared, std::unique_ptr<Loop> loop)
      : shared_(shared), loop_(std::move(loop)) {}
  void Open(Admitted admitted);
  void Forget(Connection& connection);
  void AfterBurial();

  /// Trim hands freed memory back to the kernel after many connections have closed.
  class Trim final : public Timer {
   public:
    explicit Trim(Worker& worker) : worker_(worker) {}
    void OnTimer(MonoTime now) override;

   private:
    Worker& worker_;
  };

  ServerShared& shared_;
  std::unique_ptr<Loop> loop_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::size_t crowd_ = 0;  ///< most connections at a time since the last trim
  Trim trim_{*this};
  bool going_away_ = false;
  std::thread thread_;
};

}  // namespace signet::rpc
