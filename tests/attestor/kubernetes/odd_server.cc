#include "tests/attestor/kubernetes/odd_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/crypto/pem.h"

namespace signet::test {
namespace {

CertOptions Lively(CertOptions options) {
  const SystemTime now = RealClock().Now();
  options.not_before = now - std::chrono::hours(1);
  options.not_after = now + std::chrono::hours(24);
  return options;
}

TestCa MakeCa() { return TestCa::WithOptions(Lively(TestCa::CaOptions("odd.example"))); }

ssl_ctx_st* MakeContext(const TestCa& ca) {
  const TestCert made = ca.Issue(Lively({.dns = {"odd.example,IP:127.0.0.1"}}));
  SSL_CTX* ctx = SSL_CTX_new(TLS_server_method());
  const unsigned char* at = made.der.data();
  X509* certificate = d2i_X509(nullptr, &at, static_cast<long>(made.der.size()));
  at = made.key_pkcs8.data();
  EVP_PKEY* key = d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(made.key_pkcs8.size()));
  SIGNET_CHECK(
      SSL_CTX_use_certificate(ctx, certificate) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1,
      "the server's certificate is no good");
  X509_free(certificate);
  EVP_PKEY_free(key);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  return ctx;
}

std::string ClientName(SSL* ssl) {
  X509* certificate = SSL_get1_peer_certificate(ssl);
  if (certificate == nullptr) {
    return {};
  }
  char name[256] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  X509_free(certificate);
  return name;
}

std::size_t ContentLength(const std::string& head) {
  const std::size_t at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
}

bool ReadMore(SSL* ssl, std::string& text) {
  char block[16384];
  const int n = SSL_read(ssl, block, sizeof block);
  if (n > 0) {
    text.append(block, static_cast<std::size_t>(n));
  }
  return n > 0;
}

}  // namespace

OddServer::OddServer(Handler handler)
    : handler_(std::move(handler)),
      ca_(MakeCa()),
      ctx_(MakeContext(ca_)),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  std::signal(SIGPIPE, SIG_IGN);  // as our services do: clients leave when they like
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  SIGNET_CHECK(::bind(listener_.get(), generic, size) == 0 && ::listen(listener_.get(), 16) == 0 &&
                   ::getsockname(listener_.get(), generic, &size) == 0,
               "cannot listen");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

OddServer::~OddServer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    for (const int socket : sockets_) {
      ::shutdown(socket, SHUT_RDWR);
    }
  }
  changed_.notify_all();
  acceptor_.join();
  for (std::thread& thread : threads_) {
    thread.join();
  }
  SSL_CTX_free(ctx_);
}

std::string OddServer::ca_pem() const { return crypto::PemEncode("CERTIFICATE", ca_.der()); }

void OddServer::Accept() {
  for (;;) {
    const int socket = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (socket < 0 || ending_) {
      if (socket >= 0) {
        ::close(socket);
      }
      return;
    }
    ++connections_;
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket] { Serve(socket); });
  }
}

void OddServer::Serve(int socket) {
  SSL* ssl = SSL_new(ctx_);
  SSL_set_fd(ssl, socket);
  if (SSL_accept(ssl) == 1) {
    while (ServeOne(ssl)) {
    }
  }
  SSL_free(ssl);
  const std::lock_guard lock(mutex_);
  std::erase(sockets_, socket);
  ::close(socket);
}

bool OddServer::ServeOne(ssl_st* ssl) {
  std::string text;
  std::size_t end = std::string::npos;
  while ((end = text.find("\r\n\r\n")) == std::string::npos) {
    if (!ReadMore(ssl, text)) {
      return false;
    }
  }
  OddRequest request{text.substr(0, end + 2), text.substr(end + 4), ClientName(ssl)};
  while (request.body.size() < ContentLength(request.head)) {
    if (!ReadMore(ssl, request.body)) {
      return false;
    }
  }
  return WritePieces(ssl, handler_(request));
}

bool OddServer::WritePieces(ssl_st* ssl, const std::vector<Piece>& pieces) {
  for (const Piece& piece : pieces) {
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, piece.pause, [this] { return ending_; })) {
        return false;
      }
    }
    if (!piece.bytes.empty() &&
        SSL_write(ssl, piece.bytes.data(), static_cast<int>(piece.bytes.size())) <= 0) {
      return false;
    }
  }
  // No pieces, or an answer without an end: the connection is cut.
  return !pieces.empty() && pieces.back().bytes.ends_with("\n");
}

std::vector<Piece> HttpReply(int status, const std::string& body, const std::string& headers) {
  // The line end keeps the connection open, see WritePieces.
  const std::string text = body + "\n";
  return {{"HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " +
           std::to_string(text.size()) + "\r\n" + headers + "\r\n" + text}};
}

std::string Chunk(const std::string& bytes) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + bytes + "\r\n";
}

}  // namespace signet::test
