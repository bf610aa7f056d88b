#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/rpc/call.h"
#include "core/rpc/methods.h"

namespace signet::rpc {

/// Limits bound what any peer can cost. All counts are per server unless they say otherwise.
struct Limits {
  std::size_t max_message_bytes =
      4 * 1024 * 1024;                       ///< one request message (RESOURCE_EXHAUSTED above)
  std::size_t max_header_bytes = 16 * 1024;  ///< one header block, CONTINUATION included
  std::uint32_t max_streams_per_connection = 100;    ///< concurrent
  std::size_t max_connections = 8192;                ///< all listeners
  std::size_t max_connections_per_peer = 2048;       ///< per uid (Unix) or per address (TCP)
  double new_connections_per_second_per_peer = 500;  ///< token bucket, burst 2 s worth
  double resets_per_second_per_connection =
      200;  ///< RST_STREAM from the peer, burst 1 s worth, then GOAWAY
  std::size_t max_pending_bytes_per_connection =
      1024 * 1024;                          ///< unread answers beside coalesced ones
  std::size_t max_calls_per_peer = 20'000;  ///< open at once (RESOURCE_EXHAUSTED above)
  /// Unfinished requests and unread answers of all peers; one peer may hold half
  /// (RESOURCE_EXHAUSTED above).
  std::size_t max_buffered_bytes = 96 * 1024 * 1024;
  Duration handshake_timeout = std::chrono::seconds(5);    ///< TLS and HTTP/2 preface, SETTINGS ACK
  Duration first_call_timeout = std::chrono::seconds(10);  ///< a connection without any call
  Duration idle_timeout = std::chrono::minutes(5);         ///< a connection without open calls
  Duration header_timeout = std::chrono::seconds(10);  ///< an unfinished header block or message
  Duration keepalive_time = std::chrono::seconds(60);  ///< PING after silence
  Duration keepalive_timeout = std::chrono::seconds(20);
  Duration max_connection_age = Duration::zero();  ///< 0: unlimited; then GOAWAY
  Duration max_connection_age_grace = std::chrono::seconds(30);
};

/// TlsIdentity is the server's certificate chain (DER, leaf first) and key (PKCS#8 DER).
struct TlsIdentity {
  std::vector<Bytes> chain;
  Secret key;
};

/// TlsOptions: TLS ≥ 1.2, ALPN exactly h2, tickets and session cache off, client certificate asked
/// and not required.
struct TlsOptions {
  /// identity gives the current one at every handshake, from an immutable snapshot; null refuses
  /// the handshake.
  std::function<std::shared_ptr<const TlsIdentity>()> identity;
  /// verify_client judges a client chain that was sent; an error fails the handshake. Runs on the
  /// event loop.
  std::function<Status(const std::vector<Bytes>& chain)> verify_client;
};

/// Listener is one socket to serve. Exactly one of unix_path and tcp_address is set.
struct ListenerOptions {
  std::string unix_path =
      {};  ///< absolute; bound with `unix_mode` from the start (umask before bind)
  mode_t unix_mode = 0660;
  std::string tcp_address = {};  ///< numeric host
  std::uint16_t tcp_port = 0;    ///< 0: the kernel chooses, see Server::tcp_port()
  TlsOptions tls = {};           ///< required for TCP, ignored for Unix
  MethodTable methods = {};
  Interceptor interceptor = {};  ///< may be empty
  Limits limits = {};
  /// Whose peers are counted as one, under this name, by limits and fair shares, whoever they are;
  /// empty: each uid or address counts for itself.
  std::string account = {};
};

/// ListenerId names a listener that was added at run time.
using ListenerId = std::uint64_t;

/// ServerOptions for Server::Start.
struct ServerOptions {
  std::size_t loops = 0;  ///< event loop threads, 0: one per core
  std::vector<ListenerOptions> listeners = {};
  const Clock* clock = nullptr;  ///< must outlive the server
  Logger* logger = nullptr;      ///< must outlive the server
};

/// Counters for tests, health and metrics. Monotonic unless named otherwise.
struct ServerCounters {
  std::uint64_t connections_open = 0;  ///< gauge
  std::uint64_t calls_open = 0;        ///< gauge
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;
  std::uint64_t calls_started = 0;
};

/// Server is the answering side of gRPC over HTTP/2, on libnghttp2 and OpenSSL. It knows nothing of
/// any service.
///
/// Threads: one event loop per core; a connection stays on its loop. Handlers run there and must
/// not block. Life: Start binds every listener before it returns (an address in use or a path too
/// long is an error that says so; a stale socket of ours is replaced, a live one is not). Drain
/// sends GOAWAY and lets calls finish. The destructor ends all.
class Server {
 public:
  static Result<std::unique_ptr<Server>> Start(ServerOptions options);
  virtual ~Server() = default;

  /// tcp_port of the n-th listener in the options, after the kernel chose.
  virtual std::uint16_t tcp_port(std::size_t listener) const = 0;
  virtual ServerCounters counters() const = 0;

  /// AddListener serves one more Unix socket; clients may connect when it returns. It costs one
  /// descriptor and no thread, is bound by the rules of Start, and shares the server's counts.
  /// FAILED_PRECONDITION once the server drains. Any thread but an event loop.
  virtual Result<ListenerId> AddListener(ListenerOptions options) = 0;
  /// RemoveListener stops accepting and removes the socket's file, unless another has taken its
  /// place. Its calls end with `end`, and its handlers are called no more but for OnDone; without
  /// `end` open calls may finish, and the connections end after them. All this before it returns.
  /// False: there is no such listener. Any thread but an event loop.
  virtual bool RemoveListener(ListenerId id, std::optional<RpcStatus> end) = 0;

  /// Drain stops accepting, sends GOAWAY, waits for calls to end at most `grace`, then cancels the
  /// rest.
  virtual void Drain(Duration grace) = 0;
  /// CloseConnections ends every connection whose peer the predicate picks (banned agent, expired
  /// certificate).
  virtual void CloseConnections(std::function<bool(const Peer&)> pick) = 0;
};

}  // namespace signet::rpc
