#include "tests/e2e/flood/wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/base/files.h"

namespace signet::flood {
namespace {

using std::chrono::milliseconds;

class UnixConnection : public Connection {
 public:
  explicit UnixConnection(UniqueFd fd) : Connection(std::move(fd)) {}

 private:
  Step Write(std::string_view bytes, std::size_t* written) override {
    const ssize_t n = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) {
      return errno == EAGAIN || errno == EINTR ? Step::kAgain : Step::kGone;
    }
    *written = static_cast<std::size_t>(n);
    return Step::kDone;
  }
  Step Read(std::string* out) override {
    std::array<char, 16384> buffer;
    const ssize_t n = ::recv(fd(), buffer.data(), buffer.size(), 0);
    if (n < 0) {
      return errno == EAGAIN || errno == EINTR ? Step::kAgain : Step::kGone;
    }
    if (n == 0) {
      return Step::kGone;
    }
    out->append(buffer.data(), static_cast<std::size_t>(n));
    return Step::kDone;
  }
};

SSL_CTX* TlsContext() {
  // The flood does not care who the server is; it has no secret to lose.
  static SSL_CTX* context = [] {
    SSL_CTX* made = SSL_CTX_new(TLS_client_method());
    static const unsigned char kH2[] = {2, 'h', '2'};
    SSL_CTX_set_alpn_protos(made, kH2, sizeof(kH2));
    SSL_CTX_set_verify(made, SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_RELEASE_BUFFERS);
    return made;
  }();
  return context;
}

class TlsConnection : public Connection {
 public:
  explicit TlsConnection(UniqueFd fd) : Connection(std::move(fd)), ssl_(SSL_new(TlsContext())) {
    SSL_set_fd(ssl_, this->fd());
    SSL_set_tlsext_host_name(ssl_, "localhost");
  }
  ~TlsConnection() override { SSL_free(ssl_); }

  bool Handshake(milliseconds timeout) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (true) {
      ERR_clear_error();  // SSL_get_error judges by the thread's queue
      const int result = SSL_connect(ssl_);
      if (result == 1) {
        return true;
      }
      const int reason = SSL_get_error(ssl_, result);
      const short events = reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
      if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
        return false;
      }
      const auto left =
          std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
      if (left <= milliseconds(0) || !Wait(events, left)) {
        return false;
      }
    }
  }

 private:
  Step Write(std::string_view bytes, std::size_t* written) override {
    ERR_clear_error();
    return Judge(SSL_write_ex(ssl_, bytes.data(), bytes.size(), written));
  }
  Step Read(std::string* out) override {
    std::array<char, 16384> buffer;
    std::size_t n = 0;
    ERR_clear_error();
    const Step step = Judge(SSL_read_ex(ssl_, buffer.data(), buffer.size(), &n));
    if (step == Step::kDone) {
      out->append(buffer.data(), n);
    }
    return step;
  }
  Step Judge(int result) const {
    if (result == 1) {
      return Step::kDone;
    }
    const int reason = SSL_get_error(ssl_, result);
    return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? Step::kAgain
                                                                           : Step::kGone;
  }

  SSL* ssl_;
};

UniqueFd ConnectUnix(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return UniqueFd();
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  // A full backlog makes a Unix connect wait; the limit keeps a starved client from hanging for
  // ever.
  const timeval limit = {2, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return UniqueFd();
  return fd;
}

UniqueFd ConnectTcp(const Target& target) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in ours = {};
  ours.sin_family = AF_INET;
  ::inet_pton(AF_INET, target.source_address.c_str(), &ours.sin_addr);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&ours), sizeof(ours)) != 0)
    return UniqueFd();
  sockaddr_in theirs = {};
  theirs.sin_family = AF_INET;
  theirs.sin_port = htons(target.tls_port);
  theirs.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int one = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  const timeval limit = {2, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&theirs), sizeof(theirs)) != 0)
    return UniqueFd();
  return fd;
}

std::unique_ptr<Connection> Failed(const char* step, std::string* why, const std::string& reason) {
  if (why != nullptr) {
    *why = std::string(step) + ": " + reason;
  }
  return nullptr;
}

void AppendInteger(std::string* out, std::uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out->push_back(static_cast<char>(value >> shift & 0xff));
}

}  // namespace

std::unique_ptr<Connection> Connection::Open(const Target& target, milliseconds timeout,
                                             std::string* why) {
  const bool tls = target.tls_port != 0;
  UniqueFd fd = tls ? ConnectTcp(target) : ConnectUnix(target.unix_path);
  if (!fd) {
    return Failed("connect", why, ErrnoText(errno));
  }
  ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  if (!tls) {
    return std::make_unique<UnixConnection>(std::move(fd));
  }
  auto connection = std::make_unique<TlsConnection>(std::move(fd));
  if (!connection->Handshake(timeout)) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    return Failed("TLS handshake", why, reason != nullptr ? reason : ErrnoText(errno));
  }
  return connection;
}

bool Connection::Wait(short events, milliseconds timeout) const {
  pollfd poll = {fd_.get(), events, 0};
  return ::poll(&poll, 1, static_cast<int>(timeout.count())) > 0;
}

bool Connection::Send(std::string_view bytes, milliseconds timeout) {
  stalled_ = false;
  while (!bytes.empty()) {
    std::size_t written = 0;
    const Step step = Write(bytes, &written);
    if (step == Step::kGone) {
      return false;
    }
    bytes.remove_prefix(written);
    if (step == Step::kAgain && !Wait(POLLOUT, timeout)) {
      stalled_ = true;
      return true;
    }
  }
  return true;
}

bool Connection::Receive(std::string* out, milliseconds timeout) {
  Step step = Read(out);
  if (step == Step::kAgain && timeout > milliseconds(0) && Wait(POLLIN, timeout)) {
    step = Read(out);
  }
  return step != Step::kGone;
}

std::string Frame(FrameType type, std::uint8_t flags, std::uint32_t stream,
                  std::string_view payload) {
  std::string out;
  AppendInteger(&out, static_cast<std::uint32_t>(payload.size()), 3);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  AppendInteger(&out, stream, 4);
  return out.append(payload);
}

std::string Preface() {
  std::string settings;
  AppendInteger(&settings, 4, 2);  // SETTINGS_INITIAL_WINDOW_SIZE
  AppendInteger(&settings, 0x7fffffff, 4);
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0, settings);
}

std::string HeaderField(std::string_view name, std::string_view value) {
  std::string out(1,
                  '\0');  // literal without indexing, new name; lengths below 127 fit their prefix
  out.push_back(static_cast<char>(name.size()));
  out.append(name);
  out.push_back(static_cast<char>(value.size()));
  return out.append(value);
}

std::string RequestHeaders(const Target& target) {
  return HeaderField(":method", "POST") +
         HeaderField(":scheme", target.tls_port != 0 ? "https" : "http") +
         HeaderField(":path", target.path) + HeaderField(":authority", "localhost") +
         HeaderField("content-type", "application/grpc") + HeaderField("te", "trailers") +
         HeaderField("workload.spiffe.io", "true");
}

std::string Call(const Target& target, std::uint32_t stream, std::string_view message) {
  std::string data(1, '\0');
  AppendInteger(&data, static_cast<std::uint32_t>(message.size()), 4);
  data.append(message);
  return Frame(kHeaders, kEndHeaders, stream, RequestHeaders(target)) +
         Frame(kData, kEndStream, stream, data);
}

std::string Reset(std::uint32_t stream) {
  return Frame(kReset, 0, stream, std::string_view("\0\0\0\x8", 4));  // CANCEL
}

std::string WindowUpdate() {
  std::string increment;
  AppendInteger(&increment, 0x7fff0000, 4);
  return Frame(static_cast<FrameType>(8), 0, 0, increment);
}

std::optional<ReceivedFrame> CutFrame(std::string* buffer) {
  if (buffer->size() < 9) {
    return std::nullopt;
  }
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>((*buffer)[i]));
  };
  const std::size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
  if (buffer->size() < 9 + length) {
    return std::nullopt;
  }
  ReceivedFrame frame = {
      .type = static_cast<std::uint8_t>(byte(3)),
      .flags = static_cast<std::uint8_t>(byte(4)),
      .stream = (byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8)) & 0x7fffffffu,
      .payload = buffer->substr(9, length)};
  buffer->erase(0, 9 + length);
  return frame;
}

}  // namespace signet::flood
