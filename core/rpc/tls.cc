#include "core/rpc/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <mutex>

#include "core/rpc/tls_bio.h"

namespace signet::rpc {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using SslCtx = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Freer<SSL_free>>;
using Cert = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using KeyInfo = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freer<PKCS8_PRIV_KEY_INFO_free>>;

constexpr long kMaxClientChain = 64 * 1024;

std::string LastError() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "TLS failed" : reason;
}

int ChooseAlpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
               unsigned int in_size, void*) {
  static constexpr unsigned char kH2[] = {2, 'h', '2'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kH2, sizeof kH2, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/// RequireAlpn refuses a client hello without ALPN: OpenSSL asks ChooseAlpn only when the extension
/// is there.
int RequireAlpn(SSL* ssl, int* alert, void*) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data,
                                &size) == 1) {
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

Bytes ToDer(X509* certificate) {
  Bytes der(static_cast<std::size_t>(std::max(0, i2d_X509(certificate, nullptr))));
  unsigned char* out = der.data();
  i2d_X509(certificate, &out);
  return der;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(UniqueFd socket, Ssl ssl) : socket_(std::move(socket)), ssl_(std::move(ssl)) {
    SSL_set_app_data(ssl_.get(), this);
  }
  int fd() const override { return socket_.get(); }

  Handshake Continue() override {
    ERR_clear_error();
    const int rc = SSL_accept(ssl_.get());
    if (rc == 1) {
      return Handshake::kDone;
    }
    switch (SSL_get_error(ssl_.get(), rc)) {
      case SSL_ERROR_WANT_READ:
        return Handshake::kWantRead;
      case SSL_ERROR_WANT_WRITE:
        return Handshake::kWantWrite;
      default:
        error_ = error_.empty() ? LastError() : error_;
        return Handshake::kFailed;
    }
  }

  IoResult Read(std::span<char> buffer) override {
    ERR_clear_error();
    std::size_t n = 0;
    const int rc = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &n);
    if (rc == 1) {
      return {IoResult::Kind::kMoved, n, SSL_pending(ssl_.get()) > 0};
    }
    return Judge(rc);
  }

  IoResult Write(std::string_view bytes) override {
    ERR_clear_error();
    std::size_t n = 0;
    const int rc = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &n);
    return rc == 1 ? IoResult{IoResult::Kind::kMoved, n} : Judge(rc);
  }

  void EndWriting() override {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ::shutdown(socket_.get(), SHUT_WR);
  }

  void AddTo(Peer& peer) const override { peer.certificates = chain_; }
  std::string error() const override { return error_; }

  void set_chain(std::vector<Bytes> chain) { chain_ = std::move(chain); }
  void set_error(std::string error) { error_ = std::move(error); }

 private:
  IoResult Judge(int rc) {
    const int why = SSL_get_error(ssl_.get(), rc);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
      return {IoResult::Kind::kWouldBlock};
    }
    return {IoResult::Kind::kClosed};
  }

  UniqueFd socket_;
  Ssl ssl_;
  std::vector<Bytes> chain_;
  std::string error_;
};

class Acceptor final : public TlsAcceptor {
 public:
  explicit Acceptor(TlsOptions options) : options_(std::move(options)) {}

  Result<std::unique_ptr<Transport>> Accept(UniqueFd socket) override {
    SIGNET_TRY_ASSIGN(Ssl ssl, NewSsl());
    BIO* bio = NewSocketBio(socket.get());
    if (bio == nullptr) {
      return Internal("cannot use a socket for TLS: " + LastError());
    }
    SSL_set_bio(ssl.get(), bio, bio);
    return std::unique_ptr<Transport>(
        std::make_unique<TlsTransport>(std::move(socket), std::move(ssl)));
  }

 private:
  Result<Ssl> NewSsl();
  Result<SslCtx> NewContext(const TlsIdentity& identity);
  static Status UseIdentity(SSL_CTX* ctx, const TlsIdentity& identity);
  static int VerifyClient(X509_STORE_CTX* store, void* self);

  const TlsOptions options_;
  std::mutex mutex_;
  std::shared_ptr<const TlsIdentity> identity_;  ///< what context_ was made of
  SslCtx context_;
};

/// VerifyClient replaces OpenSSL's verification; it runs only if the client sent a certificate.
int Acceptor::VerifyClient(X509_STORE_CTX* store, void* self) {
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* transport = static_cast<TlsTransport*>(SSL_get_app_data(ssl));
  std::vector<Bytes> chain;
  if (X509* leaf = X509_STORE_CTX_get0_cert(store)) {
    chain.push_back(ToDer(leaf));
  }
  STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(store);
  for (int i = 1; sent != nullptr && i < sk_X509_num(sent); ++i) {  // [0] is the leaf again
    chain.push_back(ToDer(sk_X509_value(sent, i)));
  }
  const auto& verify = static_cast<Acceptor*>(self)->options_.verify_client;
  const Status verdict =
      verify ? verify(chain) : PermissionDenied("client certificates are not accepted");
  if (!verdict.ok()) {
    transport->set_error("client certificate refused: " + verdict.error().message);
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }
  transport->set_chain(std::move(chain));
  X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

Status Acceptor::UseIdentity(SSL_CTX* ctx, const TlsIdentity& identity) {
  const ByteView der = identity.key.RevealSecret();
  const unsigned char* in = der.data();
  const KeyInfo info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &in, static_cast<long>(der.size())));
  const Key key(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
  if (!key || identity.chain.empty()) {
    return Internal("server identity has no usable key or certificate");
  }
  for (std::size_t i = 0; i < identity.chain.size(); ++i) {
    const unsigned char* at = identity.chain[i].data();
    Cert cert(d2i_X509(nullptr, &at, static_cast<long>(identity.chain[i].size())));
    const bool used = cert && (i == 0 ? SSL_CTX_use_certificate(ctx, cert.get()) == 1
                                      : SSL_CTX_add1_chain_cert(ctx, cert.get()) == 1);
    if (!used) {
      return Internal("server certificate does not load: " + LastError());
    }
  }
  if (SSL_CTX_use_PrivateKey(ctx, key.get()) != 1) {
    return Internal("server key does not belong to its certificate: " + LastError());
  }
  return {};
}

Result<SslCtx> Acceptor::NewContext(const TlsIdentity& identity) {
  SslCtx ctx(SSL_CTX_new(TLS_server_method()));
  if (!ctx) {
    return Internal("cannot make a TLS context: " + LastError());
  }
  SSL_CTX_set_min_proto_version(ctx.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(ctx.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(ctx.get(),
                          0);  // TLS 1.3 sends stateful tickets even under SSL_OP_NO_TICKET
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // TLS 1.2 suites that HTTP/2 allows (RFC 9113 §9.2.2); those of TLS 1.3 are all fine.
  if (SSL_CTX_set_cipher_list(ctx.get(), "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
    return Internal("no cipher suite is available: " + LastError());
  }
  SSL_CTX_set_alpn_select_cb(ctx.get(), ChooseAlpn, nullptr);
  SSL_CTX_set_client_hello_cb(ctx.get(), RequireAlpn, nullptr);
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER, nullptr);  // asked for, not required
  SSL_CTX_set_cert_verify_callback(ctx.get(), VerifyClient, this);
  SSL_CTX_set_max_cert_list(ctx.get(), kMaxClientChain);
  SIGNET_TRY(UseIdentity(ctx.get(), identity));
  return ctx;
}

Result<Ssl> Acceptor::NewSsl() {
  std::shared_ptr<const TlsIdentity> current = options_.identity ? options_.identity() : nullptr;
  if (!current) {
    return Unavailable("the server has no identity yet");
  }
  const std::lock_guard lock(mutex_);
  if (current != identity_) {
    SIGNET_TRY_ASSIGN(context_, NewContext(*current));
    identity_ = std::move(current);
  }
  Ssl ssl(SSL_new(context_.get()));
  if (!ssl) {
    return Internal("cannot make a TLS connection: " + LastError());
  }
  return ssl;
}

}  // namespace

std::unique_ptr<TlsAcceptor> TlsAcceptor::Create(TlsOptions options) {
  return std::make_unique<Acceptor>(std::move(options));
}

}  // namespace signet::rpc
