#include "tests/workload-api/reload/fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>
#include <cstring>
#include <stdexcept>

namespace signet::test {
namespace {

struct FreeSsl {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

void Want(bool ok, const char* what) {
  if (!ok) {
    throw std::runtime_error(what);
  }
}

}  // namespace

void FakeConnection::Send(const std::string& bytes) {
  [[maybe_unused]] const auto n = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

std::string FakeConnection::Read(std::size_t n) {
  std::string all(n, '\0');
  const ssize_t got = recv(fd_.get(), all.data(), n, MSG_WAITALL);
  all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return all;
}

std::string FakeConnection::ReadUntil(const std::string& end) {
  std::string all;
  while (!all.ends_with(end)) {
    const std::string one = Read(1);
    if (one.empty()) {
      break;
    }
    all += one;
  }
  return all;
}

void FakeConnection::End() {
  // What was not read would turn the end into a reset, and take what was sent with it.
  shutdown(fd_.get(), SHUT_WR);
  char block[4096];
  while (recv(fd_.get(), block, sizeof block, 0) > 0) {
  }
}

bool FakeConnection::SpeakTls(const TestCert& certificate, int version) {
  const std::unique_ptr<SSL_CTX, FreeSsl> context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  const auto size = static_cast<int>(certificate.der.size());
  Want(SSL_CTX_use_certificate_ASN1(context.get(), size, certificate.der.data()) == 1, "cert");
  Want(SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, context.get(), certificate.key_pkcs8.data(),
                                   static_cast<long>(certificate.key_pkcs8.size())) == 1,
       "key");
  const std::unique_ptr<SSL, FreeSsl> ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), fd_.get());
  return SSL_accept(ssl.get()) == 1;
}

FakeServer::FakeServer(std::vector<Script> scripts, const std::string& path)
    : scripts_(std::move(scripts)) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.data(), path.size());
  sockaddr_in loopback{};
  loopback.sin_family = AF_INET;
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener_.Reset(socket(path.empty() ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int bound =
      path.empty() ? bind(listener_.get(), reinterpret_cast<sockaddr*>(&loopback), sizeof loopback)
                   : bind(listener_.get(), reinterpret_cast<sockaddr*>(&local), sizeof local);
  Want(bound == 0 && listen(listener_.get(), 8) == 0, "cannot listen");
  socklen_t size = sizeof loopback;
  if (path.empty()) {
    getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&loopback), &size);
  }
  address_ = path.empty() ? "127.0.0.1:" + std::to_string(ntohs(loopback.sin_port)) : path;
  thread_ = std::thread([this] { Run(); });
}

FakeServer::~FakeServer() {
  shutdown(listener_.get(), SHUT_RDWR);  // wakes accept
  thread_.join();
}

void FakeServer::Run() {
  // A client may leave in the middle. Blocked in this thread alone, so that SIGPIPE stays deadly in
  // the code under test.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  for (std::size_t next = 0;; ++next) {
    UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) {
      return;
    }
    const timeval patience{5, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    FakeConnection connection(std::move(fd));
    scripts_[std::min(next, scripts_.size() - 1)](connection);
    connection.End();
  }
}

}  // namespace signet::test
