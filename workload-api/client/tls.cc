#include "workload-api/client/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <optional>
#include <utility>
#include <vector>

#include "core/crypto/x509_svid.h"
#include "workload-api/client/tls_material.h"

namespace signet::client {
namespace {

// What a bound SSL_CTX owns, through its ex_data.
struct Binding {
  std::shared_ptr<const X509Provider> source;
  Authorizer authorizer;
  TlsOptions options;
  RealClock real_clock;
  TlsMaterialCache cache;

  SystemTime Now() const {
    return options.clock != nullptr ? options.clock->Now() : real_clock.Now();
  }
  // No exception may leave a callback of the TLS library.
  void Refused(const Error& why) const noexcept {
    try {
      if (options.on_refused) {
        options.on_refused(why);
      }
    } catch (...) {  // NOLINT(bugprone-empty-catch): a listener's failure changes nothing here
    }
  }
};

// What one SSL remembers of its own handshake, through its ex_data.
struct PeerState {
  Bytes leaf;  // DER of the certificate that was judged
  std::optional<spiffe::SpiffeId> id;
  Error refusal;
};

int BindingIndex() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* p, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Binding*>(p); });
  return index;
}

int PeerStateIndex() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* p, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<PeerState*>(p); });
  return index;
}

PeerState* FreshPeerState(SSL* ssl) {
  auto fresh = std::make_unique<PeerState>();
  const std::unique_ptr<PeerState> old(
      static_cast<PeerState*>(SSL_get_ex_data(ssl, PeerStateIndex())));
  if (SSL_set_ex_data(ssl, PeerStateIndex(), fresh.get()) != 1) {
    SIGNET_CHECK(old == nullptr, "replacing ex_data needs no memory");
    return nullptr;
  }
  return fresh.release();
}

Result<Bytes> ToDer(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) {
    return InvalidArgument("a certificate of the peer cannot be encoded");
  }
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

Result<std::vector<Bytes>> PeerChain(X509_STORE_CTX* presented) {
  X509* leaf = X509_STORE_CTX_get0_cert(presented);
  if (leaf == nullptr) {
    return InvalidArgument("the peer showed no certificate");
  }
  SIGNET_TRY_ASSIGN(Bytes leaf_der, ToDer(leaf));
  std::vector<Bytes> chain;
  chain.push_back(std::move(leaf_der));
  const STACK_OF(X509)* all = X509_STORE_CTX_get0_untrusted(presented);
  for (int i = 0; i < sk_X509_num(all); ++i) {
    SIGNET_TRY_ASSIGN(Bytes der, ToDer(sk_X509_value(all, i)));
    // OpenSSL lists the leaf again in front of the intermediates.
    if (i > 0 || der != chain.front()) {
      chain.push_back(std::move(der));
    }
  }
  return chain;
}

Result<spiffe::SpiffeId> JudgePeer(const Binding& binding, const std::vector<Bytes>& chain) {
  const X509Snapshot snapshot = binding.source->Current();
  if (snapshot == nullptr) {
    return Unavailable("we have no trust bundle to judge the peer by");
  }
  SIGNET_TRY_ASSIGN(const crypto::X509Svid svid,
                    crypto::VerifyX509Svid(chain, snapshot->trust_stores, binding.Now()));
  SIGNET_TRY(binding.authorizer.Authorize(svid.id));
  return svid.id;
}

Status Judge(const Binding& binding, X509_STORE_CTX* presented, PeerState& state) {
  SIGNET_TRY_ASSIGN(std::vector<Bytes> chain, PeerChain(presented));
  state.leaf = chain.front();
  SIGNET_TRY_ASSIGN(state.id, JudgePeer(binding, chain));
  return {};
}

// Replaces OpenSSL's verification: returns 1 only for a peer that is verified and authorized.
int VerifyCallback(X509_STORE_CTX* presented, void* argument) noexcept {
  const auto& binding = *static_cast<const Binding*>(argument);
  X509_STORE_CTX_set_error(presented, X509_V_ERR_APPLICATION_VERIFICATION);
  auto* ssl = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(presented, SSL_get_ex_data_X509_STORE_CTX_idx()));
  PeerState* state = ssl == nullptr ? nullptr : FreshPeerState(ssl);
  if (state == nullptr) {
    return 0;
  }
  if (const Status status = Judge(binding, presented, *state); !status.ok()) {
    state->refusal = status.error();
    binding.Refused(status.error().Context("peer refused"));
    return 0;
  }
  X509_STORE_CTX_set_error(presented, X509_V_OK);
  return 1;
}

Status PresentIdentity(Binding& binding, SSL* ssl) {
  const X509Snapshot snapshot = binding.source->Current();
  if (snapshot == nullptr) {
    return Unavailable("we have no identity to show");
  }
  const SystemTime expiry = snapshot->default_identity().svid.leaf().not_after;
  if (expiry < binding.Now()) {
    return Unavailable("our own identity has expired at " + FormatTime(expiry));
  }
  SIGNET_TRY_ASSIGN(const auto material, binding.cache.For(snapshot));
  SSL_certs_clear(ssl);
  if (SSL_use_cert_and_key(ssl, material->leaf.get(), material->key.get(),
                           material->intermediates.get(), 1) != 1) {
    return Internal("OpenSSL does not accept our identity");
  }
  return {};
}

int CertificateCallback(SSL* ssl, void* argument) noexcept {
  auto& binding = *static_cast<Binding*>(argument);
  const Status status = PresentIdentity(binding, ssl);
  if (!status.ok()) {
    binding.Refused(status.error().Context("handshake refused"));
  }
  return status.ok() ? 1 : 0;
}

Status Harden(SSL_CTX* context) {
  const long min_version = SSL_CTX_get_min_proto_version(context);
  const bool ok = (min_version >= TLS1_2_VERSION ||
                   SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1) &&
                  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
                  SSL_CTX_set_num_tickets(context, 0) == 1;
  if (!ok) {
    ERR_clear_error();
    return Internal("OpenSSL does not accept the TLS settings");
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  // The chain is exactly what the agent gave; OpenSSL must not add to it from its own store.
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
  return {};
}

Status Configure(SSL_CTX* context, std::unique_ptr<Binding> binding) {
  if (context == nullptr || binding->source == nullptr) {
    return InvalidArgument("an SSL_CTX and a source are needed");
  }
  if (SSL_CTX_get_ex_data(context, BindingIndex()) != nullptr) {
    return FailedPrecondition("this SSL_CTX is bound to a source already; make a new one");
  }
  SIGNET_TRY(Harden(context));
  if (SSL_CTX_set_ex_data(context, BindingIndex(), binding.get()) != 1) {
    return Internal("out of memory");
  }
  Binding* owned = binding.release();
  SSL_CTX_set_cert_cb(context, CertificateCallback, owned);
  SSL_CTX_set_cert_verify_callback(context, VerifyCallback, owned);
  return {};
}

std::unique_ptr<Binding> MakeBinding(std::shared_ptr<const X509Provider> source,
                                     Authorizer authorizer, TlsOptions options) {
  return std::unique_ptr<Binding>(
      new Binding{std::move(source), std::move(authorizer), std::move(options), {}, {}});
}

}  // namespace

Status ConfigureServer(SSL_CTX* context, std::shared_ptr<const X509Provider> source,
                       Authorizer authorizer, TlsOptions options) {
  SIGNET_TRY(Configure(context,
                       MakeBinding(std::move(source), std::move(authorizer), std::move(options))));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

Status ConfigureClient(SSL_CTX* context, std::shared_ptr<const X509Provider> source,
                       Authorizer authorizer, TlsOptions options) {
  SIGNET_TRY(Configure(context,
                       MakeBinding(std::move(source), std::move(authorizer), std::move(options))));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return {};
}

Result<spiffe::SpiffeId> PeerId(const SSL* connection) {
  const auto* state = static_cast<const PeerState*>(SSL_get_ex_data(connection, PeerStateIndex()));
  if (state == nullptr) {
    return FailedPrecondition("no peer was verified on this connection");
  }
  if (!state->id) {
    return state->refusal;
  }
  // Fail closed if the SSL was cleared for another connection, or resumed what somebody else had
  // verified.
  X509* shown = SSL_get0_peer_certificate(connection);
  if (SSL_is_init_finished(connection) == 0 || SSL_session_reused(connection) != 0 ||
      shown == nullptr) {
    return FailedPrecondition("the connection has no finished full handshake");
  }
  SIGNET_TRY_ASSIGN(const Bytes leaf, ToDer(shown));
  if (leaf != state->leaf) {
    return FailedPrecondition("the connection's certificate is not the one that was verified");
  }
  return *state->id;
}

}  // namespace signet::client
