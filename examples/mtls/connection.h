#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace example {

using SslContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

/// Listen opens a listening TCP socket on "IPv4:port" (port 0: the kernel chooses).
signet::Result<signet::UniqueFd> Listen(const std::string& address);
/// LocalAddress gives "IPv4:port" of a socket.
std::string LocalAddress(const signet::UniqueFd& fd);

/// Connection is one TLS connection that carries lines of text over a plain blocking socket.
class Connection {
 public:
  /// Connect dials "IPv4:port", calls prepare, and does the handshake.
  static signet::Result<Connection> Connect(SSL_CTX* context, const std::string& address,
                                            const std::function<void(SSL*)>& prepare);
  /// Accept does the server's handshake on an accepted socket.
  static signet::Result<Connection> Accept(SSL_CTX* context, signet::UniqueFd fd);

  signet::Status WriteLine(const std::string& line);
  /// ReadLine waits up to the socket's timeout: DEADLINE_EXCEEDED, and may be called again.
  /// OUT_OF_RANGE: the peer has closed the connection properly, between lines.
  signet::Result<std::string> ReadLine();
  /// Close says goodbye, so that the peer can tell the end from an attack.
  void Close();

  SSL* ssl() const { return ssl_.get(); }

 private:
  Connection(SSL_CTX* context, signet::UniqueFd fd);
  signet::UniqueFd fd_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  std::string unread_;
};

}  // namespace example
