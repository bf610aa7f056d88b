#include "workload-api/reload/probe.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>
#include <optional>

#include "workload-api/reload/greeting.h"
#include "workload-api/reload/stream.h"

namespace signet::reload {
namespace {

// A server's first flight: certificates of up to 16 KiB each and the names of many authorities.
constexpr std::size_t kMaxHandshake = 1024 * 1024;

struct FreeSsl {
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { ::SSL_free(ssl); }
};

// The verification callback: takes the leaf, and ends the handshake there. Nothing is verified.
int TakeLeaf(X509_STORE_CTX* store, void* into) {
  X509* leaf = ::X509_STORE_CTX_get0_cert(store);
  const int size = leaf == nullptr ? -1 : ::i2d_X509(leaf, nullptr);
  if (size > 0) {
    Bytes& der = *static_cast<Bytes*>(into);
    der.resize(static_cast<std::size_t>(size));
    std::uint8_t* end = der.data();
    ::i2d_X509(leaf, &end);
  }
  return 0;
}

// TLS over memory, so that every byte goes through the stream and its deadline.
class Handshake {
 public:
  static std::optional<Handshake> Make(const std::string& server_name, Bytes& leaf) {
    Handshake made;
    made.context_.reset(::SSL_CTX_new(::TLS_client_method()));
    if (!made.context_) {
      return std::nullopt;
    }
    ::SSL_CTX_set_min_proto_version(made.context_.get(), TLS1_2_VERSION);
    ::SSL_CTX_set_verify(made.context_.get(), SSL_VERIFY_PEER, nullptr);
    ::SSL_CTX_set_cert_verify_callback(made.context_.get(), TakeLeaf, &leaf);
    made.ssl_.reset(::SSL_new(made.context_.get()));
    BIO* in = ::BIO_new(::BIO_s_mem());
    BIO* out = ::BIO_new(::BIO_s_mem());
    if (!made.ssl_ || in == nullptr || out == nullptr) {
      ::BIO_free(in);
      ::BIO_free(out);
      return std::nullopt;
    }
    ::SSL_set_bio(made.ssl_.get(), in, out);
    if (!server_name.empty() &&
        ::SSL_set_tlsext_host_name(made.ssl_.get(), server_name.c_str()) != 1) {
      return std::nullopt;
    }
    ::SSL_set_connect_state(made.ssl_.get());
    return made;
  }

  // True while the handshake wants more from the server.
  bool Step() {
    ::ERR_clear_error();
    const int result = ::SSL_do_handshake(ssl_.get());
    const bool more = result != 1 && ::SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ;
    if (!more) {
      const char* reason = ::ERR_reason_error_string(::ERR_peek_error());
      failure_ = reason == nullptr ? "the handshake ended without a certificate" : reason;
      ::ERR_clear_error();
    }
    return more;
  }
  Bytes Outgoing() {
    BIO* out = ::SSL_get_wbio(ssl_.get());
    Bytes bytes(::BIO_ctrl_pending(out));
    ::BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }
  bool Incoming(ByteView bytes) {
    return ::BIO_write(::SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size())) ==
           static_cast<int>(bytes.size());
  }
  const std::string& failure() const { return failure_; }

 private:
  Handshake() = default;
  std::unique_ptr<SSL_CTX, FreeSsl> context_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  std::string failure_;
};

Error NoTlsThere(const Stream& stream, std::string_view why) {
  return Unavailable("no TLS certificate from " + stream.address() + ": " + std::string(why) +
                     "; is it the port on which the server speaks TLS, and is \"protocol\" right?");
}

// Runs until the leaf is there. What the client would say next is not sent: the server sees the
// connection close, as with any port check.
Status ShakeHands(Stream& stream, Handshake& handshake, const Bytes& leaf) {
  std::uint8_t block[16384];
  std::size_t total = 0;
  while (handshake.Step()) {
    SIGNET_TRY(stream.Write(handshake.Outgoing()));
    SIGNET_TRY_ASSIGN(const std::size_t n, stream.Read(block));
    total += n;
    if (n == 0) {
      return NoTlsThere(stream, "it closed the connection");
    }
    if (total > kMaxHandshake || !handshake.Incoming({block, n})) {
      return NoTlsThere(stream, "its answer is too long");
    }
  }
  return leaf.empty() ? Status(NoTlsThere(stream, handshake.failure())) : Status();
}

}  // namespace

Status CheckProbeSpec(const ProbeSpec& spec) {
  SIGNET_TRY(CheckAddress(spec.address));
  if (!IsProtocol(spec.protocol)) {
    return InvalidArgument("\"" + spec.protocol +
                           "\" is no protocol of a probe; there are: tls, postgresql, mysql, nats, "
                           "smtp, imap, ldap (RabbitMQ and Redis are plain tls)");
  }
  if (spec.server_name.size() > 253 || spec.server_name.find('\0') != std::string::npos) {
    return InvalidArgument("the server name of a probe is longer than a DNS name can be");
  }
  if (spec.timeout <= Duration::zero()) {
    return InvalidArgument("the timeout of a probe must be more than nothing");
  }
  return {};
}

Result<Bytes> ServedCertificate(const ProbeSpec& spec) {
  SIGNET_TRY(CheckProbeSpec(spec));
  Bytes leaf;
  auto handshake = Handshake::Make(spec.server_name, leaf);
  if (!handshake) {
    return Internal("cannot prepare a TLS handshake: out of memory");
  }
  SIGNET_TRY_ASSIGN(Stream stream, Stream::Connect(spec.address, Deadline::In(spec.timeout)));
  SIGNET_TRY(StartTls(spec.protocol, stream));
  SIGNET_TRY(ShakeHands(stream, *handshake, leaf));
  return leaf;
}

}  // namespace signet::reload
