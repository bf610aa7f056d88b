#pragma once

#include <memory>

#include "core/base/result.h"
#include "workload-api/client/tls.h"

namespace signet::client {

/// ResumableSession is what a client keeps to reconnect for less (TlsOptions::on_session). It
/// belongs to the SSL_CTX that it was made with, and holds secrets: keep it in memory. Cheap to
/// copy; safe for several threads. Take each one for one connection: two with the same session can
/// be linked by whoever watches the wire.
class ResumableSession {
 public:
  /// peer is who the session is with.
  const spiffe::SpiffeId& peer() const;
  SystemTime peer_not_after() const;

  struct State;
  explicit ResumableSession(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  const State& state() const { return *state_; }

 private:
  std::shared_ptr<const State> state_;
};

/// OfferSession lets a new client connection resume, before its handshake starts. An error means
/// that the session is of no use any more (other epoch, peer expired or not authorized now, other
/// SSL_CTX): drop it and connect all the same. The server may refuse too; then the handshake is a
/// full one.
Status OfferSession(ssl_st* connection, const ResumableSession& session);

}  // namespace signet::client
