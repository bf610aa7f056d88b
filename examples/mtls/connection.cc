#include "examples/mtls/connection.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "workload-api/client/tls.h"

namespace example {
namespace {

using signet::Error;
using signet::Result;
using signet::Status;
using signet::UniqueFd;

constexpr std::size_t kMaxLine = 4096;
constexpr timeval kTimeout = {5, 0};

// Looks a host's name up; an address needs no lookup.
Result<sockaddr_in> ParseAddress(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) {
    return signet::InvalidArgument(address + ": write an address like 127.0.0.1:8443");
  }
  addrinfo wanted{};
  wanted.ai_family = AF_INET;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(address.substr(0, colon).c_str(), address.c_str() + colon + 1,
                                   &wanted, &found);
      code != 0) {
    return signet::InvalidArgument(address + ": " + gai_strerror(code));
  }
  sockaddr_in result{};
  std::memcpy(&result, found->ai_addr, sizeof(result));
  freeaddrinfo(found);
  return result;
}

Error SystemError(const std::string& what) {
  return signet::Unavailable(what + ": " + std::strerror(errno));
}

// Why a call on the connection failed; the TLS library's own words are the most exact ones.
Error TlsError(const std::string& what, SSL* ssl, int returned) {
  const int kind = SSL_get_error(ssl, returned);
  const int saved = errno;
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (kind == SSL_ERROR_ZERO_RETURN) {
    return {signet::Code::kOutOfRange, "the peer has closed the connection"};
  }
  if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
    return {signet::Code::kDeadlineExceeded, what + ": timed out"};
  }
  if (code != 0) {
    return signet::Unavailable(what + ": " + ERR_reason_error_string(code));
  }
  return signet::Unavailable(what + ": " + (saved != 0 ? std::strerror(saved) : "cut off"));
}

void SetUp(const UniqueFd& fd) {
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof(kTimeout));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kTimeout, sizeof(kTimeout));
}

}  // namespace

Result<UniqueFd> Listen(const std::string& address) {
  SIGNET_TRY_ASSIGN(const sockaddr_in where, ParseAddress(address));
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof(where)) != 0 ||
      listen(fd.get(), SOMAXCONN) != 0) {
    return SystemError("listen on " + address);
  }
  return fd;
}

std::string LocalAddress(const UniqueFd& fd) {
  sockaddr_in where{};
  socklen_t size = sizeof(where);
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&where), &size);
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &where.sin_addr, text, sizeof(text));
  return std::string(text) + ":" + std::to_string(ntohs(where.sin_port));
}

Connection::Connection(SSL_CTX* context, UniqueFd fd)
    : fd_(std::move(fd)), ssl_(SSL_new(context), SSL_free) {
  SSL_set_fd(ssl_.get(), fd_.get());
}

Result<Connection> Connection::Connect(SSL_CTX* context, const std::string& address,
                                       const std::function<void(SSL*)>& prepare) {
  SIGNET_TRY_ASSIGN(const sockaddr_in where, ParseAddress(address));
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  SetUp(fd);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof(where)) != 0) {
    return SystemError("connect to " + address);
  }
  Connection connection(context, std::move(fd));
  prepare(connection.ssl());
  if (const int returned = SSL_connect(connection.ssl()); returned != 1) {
    return TlsError("handshake", connection.ssl(), returned);
  }
  return connection;
}

Result<Connection> Connection::Accept(SSL_CTX* context, UniqueFd fd) {
  SetUp(fd);
  Connection connection(context, std::move(fd));
  if (const int returned = SSL_accept(connection.ssl()); returned != 1) {
    return TlsError("handshake", connection.ssl(), returned);
  }
  return connection;
}

Status Connection::WriteLine(const std::string& line) {
  const std::string text = line + "\n";
  const int returned = SSL_write(ssl(), text.data(), static_cast<int>(text.size()));
  if (returned != static_cast<int>(text.size())) {
    return TlsError("write", ssl(), returned);
  }
  return {};
}

Result<std::string> Connection::ReadLine() {
  std::size_t end = 0;
  while ((end = unread_.find('\n')) == std::string::npos) {
    char buffer[1024];
    const int got = SSL_read(ssl(), buffer, sizeof(buffer));
    if (got <= 0) {
      Error error = TlsError("read", ssl(), got);
      const bool cut = error.code == signet::Code::kOutOfRange && !unread_.empty();
      return cut ? signet::Unavailable("read: closed within a line") : error;
    }
    unread_.append(buffer, static_cast<std::size_t>(got));
    if (unread_.size() > kMaxLine) {
      return signet::ResourceExhausted("read: the line is too long");
    }
  }
  std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  return line;
}

void Connection::Close() {
  SSL_shutdown(ssl());
  ERR_clear_error();
}

}  // namespace example
