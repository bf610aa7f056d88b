#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "workload-api/client/tls.h"

namespace signet::client {

/// CloseReason says why a connection should end.
enum class CloseReason {
  kPeerExpired,       ///< the peer's certificate has ended
  kAuthorityRemoved,  ///< the authority that vouched for the peer is in no bundle of ours any more
  kMaxAge,
};
std::string_view CloseReasonText(CloseReason reason);

/// ConnectionPolicy says when a connection that was let in should end. The default keeps them all,
/// which is what TLS does by itself: it looks at a certificate once.
struct ConnectionPolicy {
  bool at_peer_expiry = false;
  bool on_authority_removal = false;
  std::optional<Duration> max_age = {};
  double max_age_jitter = 0.1;  ///< each age is shortened by up to this share at random, 0 … 1
  /// shutdown_after is the grace after on_close_due; a connection that still lives then has its
  /// socket shut down in both directions. Null: it is only asked.
  std::optional<Duration> shutdown_after = {};
};

/// LiveConnection is one connection that the registry knows.
struct LiveConnection {
  std::uint64_t number = 0;  ///< unique in its registry, never used again
  Peer peer;
  SystemTime since;
  int fd = -1;  ///< -1: not on a socket
};

struct ConnectionsOptions {
  std::shared_ptr<const X509Provider> source;
  ConnectionPolicy policy = {};
  /// on_close_due asks the application to end a connection, once each. It runs within Tick, without
  /// a lock; must not throw. The connection may be gone already: look its number up in your own
  /// table.
  std::function<void(const LiveConnection&, CloseReason)> on_close_due = {};
  const Clock* clock = nullptr;  ///< null: the machine's; else it must outlive the registry
};

/// Connections is the registry of the connections that live now, and closes what the policy says.
/// It never touches an SSL that is not its caller's own: it asks, and if the policy says so it
/// shuts the socket down, which wakes whoever reads there. All of it is safe for several threads.
///
///   auto live = Connections::Create({.source = source, .policy = {.at_peer_expiry = true}});
///   Ticker ticker(std::chrono::seconds(1), [&] { (*live)->Tick(); });
///   … SSL_accept(ssl) … (*live)->Track(ssl) …
class Connections {
 public:
  /// INVALID_ARGUMENT: no source, or a policy that means nothing.
  static Result<std::shared_ptr<Connections>> Create(ConnectionsOptions options);
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  /// Track registers a connection whose handshake has ended, until SSL_free; it gives the number.
  /// Again for the same connection changes nothing; in one registry at a time. The error is PeerOf's, or FAILED_PRECONDITION
  /// when the policy shuts down and there is no socket. Close the socket after SSL_free, not before
  /// (or call Forget): its number may belong to somebody else by then.
  Result<std::uint64_t> Track(ssl_st* connection);
  /// Forget ends the tracking early.
  void Forget(ssl_st* connection);

  /// Due tells why a tracked connection was asked to end; null: it was not. For programs that look
  /// between two requests and need no on_close_due.
  std::optional<CloseReason> Due(const ssl_st* connection) const;

  std::vector<LiveConnection> List() const;
  std::size_t size() const;

  /// Tick looks at the clock and the source, and closes what is due. O(log n) for each connection
  /// that is due, and O(log n) for each authority that vouches for somebody. While the source holds
  /// nothing, no authority counts as removed.
  void Tick();

  struct State;

 private:
  explicit Connections(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace signet::client
