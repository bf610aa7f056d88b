#pragma once

#include <functional>
#include <memory>

#include "core/base/log.h"
#include "core/rpc/connection_watch.h"
#include "core/rpc/http2_connection.h"
#include "core/rpc/transport.h"

namespace signet::rpc {

/// Connection is one accepted socket on its loop: it moves bytes between the transport and HTTP/2,
/// a bounded amount a turn, and watches the time. While the peer does not read it reads nothing
/// either, so that no answer piles up.
class Connection final : public Source, public Timer {
 public:
  struct Setup {
    Loop* loop;
    std::shared_ptr<const Service> service;
    Logger* logger;  ///< may be null
    std::unique_ptr<Transport> transport;
    std::shared_ptr<Peer> peer;
    std::string peer_key;  ///< what limits and shares count by
    std::shared_ptr<Slot> slot;
    std::shared_ptr<Gauges> gauges;
    double jitter = 0;                           ///< in [0, 1), for the connection's age
    std::function<void(Connection&)> on_closed;  ///< the owner lets go
  };
  explicit Connection(Setup setup);
  ~Connection() override;

  Status Start();
  /// GoAway announces the end: open calls may finish, new ones go elsewhere.
  void GoAway();
  /// Cancel ends every call with a status and then the connection.
  void Cancel(const RpcStatus& status);
  void Close(std::string_view reason);
  const Peer& peer() const { return *peer_; }
  const Service& service() const { return *service_; }

  std::size_t index = 0;  ///< in the owner's list

 private:
  void OnEvents(std::uint32_t events) override;
  void OnTimer(MonoTime now) override;
  void Flush() override;

  bool Handshake();
  void StartHttp2();
  void ReadSome();
  bool WriteBacklog();
  bool Send(std::string& bytes);
  void Watch();
  void WatchTime();
  void Linger();
  void Discard();
  ConnectionFacts Facts() const;
  void Act(const ConnectionVerdict& verdict);

  Loop& loop_;
  const std::shared_ptr<const Service> service_;
  Logger* logger_;
  std::unique_ptr<Transport> transport_;
  std::shared_ptr<Peer> peer_;
  const std::string peer_key_;
  std::shared_ptr<Slot> slot_;
  std::shared_ptr<Gauges> gauges_;
  std::function<void(Connection&)> on_closed_;
  std::unique_ptr<Http2Connection> http2_;  ///< once the transport's handshake is done
  std::string backlog_;                     ///< produced, not taken by the socket
  std::uint32_t watched_ = 0;
  const MonoTime accepted_;
  MonoTime last_read_;
  std::optional<MonoTime> ping_sent_;
  std::optional<MonoTime> stalled_since_;
  std::optional<MonoTime> announced_;
  std::optional<MonoTime> concluded_;
  const Duration age_limit_;
  bool handshake_wants_write_ = false;
  bool more_to_read_ = false;
  bool more_to_send_ = false;
  bool broken_ = false;                   ///< send what is left, then close
  std::optional<std::size_t> discarded_;  ///< lingering: bytes read and thrown away
  bool closed_ = false;
};

}  // namespace signet::rpc
