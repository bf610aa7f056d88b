#include "workload-api/client/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>

#include "workload-api/client/resumption_hooks.h"
#include "workload-api/client/tls_binding.h"

namespace signet::client {
namespace {

Status Judge(Binding& binding, X509_STORE_CTX* presented, PeerState& state) {
  X509* leaf = X509_STORE_CTX_get0_cert(presented);
  SIGNET_TRY_ASSIGN(state.verdict, binding.Judge(leaf, X509_STORE_CTX_get0_untrusted(presented)));
  SIGNET_TRY_ASSIGN(state.leaf, ToDer(leaf));
  return {};
}

// Replaces OpenSSL's verification: returns 1 only for a peer that is verified and authorized.
int VerifyCallback(X509_STORE_CTX* presented, void* argument) noexcept {
  auto& binding = *static_cast<Binding*>(argument);
  X509_STORE_CTX_set_error(presented, X509_V_ERR_APPLICATION_VERIFICATION);
  auto* ssl = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(presented, SSL_get_ex_data_X509_STORE_CTX_idx()));
  PeerState* state = ssl == nullptr ? nullptr : PeerState::Fresh(ssl, binding);
  if (state == nullptr) {
    return 0;
  }
  if (const Status status = Judge(binding, presented, *state); !status.ok()) {
    state->verdict.reset();
    state->refusal = status.error();
    binding.PeerRefused(status.error());
    return 0;
  }
  X509_STORE_CTX_set_error(presented, X509_V_OK);
  return 1;
}

Status PresentIdentity(Binding& binding, SSL* ssl) {
  SIGNET_TRY_ASSIGN(const auto material, binding.Material());
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
    binding.WeHaveNoIdentity(status.error());
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

// The binding, owned by the context.
Result<Binding*> Bind(SSL_CTX* context, std::unique_ptr<Binding> binding) {
  if (context == nullptr || !binding->has_source()) {
    return InvalidArgument("an SSL_CTX and a source are needed");
  }
  Binding* owned = binding.get();
  SIGNET_TRY(Binding::Attach(context, std::move(binding)));
  SIGNET_TRY(Harden(context));
  SSL_CTX_set_cert_cb(context, CertificateCallback, owned);
  SSL_CTX_set_cert_verify_callback(context, VerifyCallback, owned);
  return owned;
}

}  // namespace

Status ConfigureServer(SSL_CTX* context, std::shared_ptr<const X509Provider> source,
                       Authorizer authorizer, TlsOptions options) {
  SIGNET_TRY_ASSIGN(
      Binding* const binding,
      Bind(context, std::make_unique<Binding>(std::move(source), std::move(authorizer),
                                              std::move(options))));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  const bool resume = binding->options().resumption == Resumption::kEpoch;
  return resume ? AllowServerResumption(context, *binding) : Status();
}

Status ConfigureClient(SSL_CTX* context, std::shared_ptr<const X509Provider> source,
                       Authorizer authorizer, TlsOptions options) {
  SIGNET_TRY_ASSIGN(
      Binding* const binding,
      Bind(context, std::make_unique<Binding>(std::move(source), std::move(authorizer),
                                              std::move(options))));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (binding->options().resumption == Resumption::kEpoch) {
    AllowClientResumption(context);
  }
  return {};
}

Result<Peer> PeerOf(const SSL* connection) {
  const PeerState* state = PeerState::Of(connection);
  if (state == nullptr) {
    return FailedPrecondition("no peer was verified on this connection");
  }
  if (!state->verdict) {
    return state->refusal;
  }
  // Fail closed if the SSL was cleared for another connection, resumed what nobody here has judged,
  // or moved to a context with another authorizer.
  X509* shown = SSL_get0_peer_certificate(connection);
  const bool as_judged = (SSL_session_reused(connection) == 1) == state->resumed &&
                         Binding::Of(SSL_get_SSL_CTX(connection)) == state->judge;
  if (SSL_is_init_finished(connection) == 0 || !as_judged || shown == nullptr) {
    return FailedPrecondition("the connection has no finished handshake that was judged here");
  }
  SIGNET_TRY_ASSIGN(const Bytes leaf, ToDer(shown));
  if (leaf != state->leaf) {
    return FailedPrecondition("the connection's certificate is not the one that was verified");
  }
  return Peer{state->verdict->id, state->verdict->not_after, state->verdict->authority,
              state->resumed};
}

Result<spiffe::SpiffeId> PeerId(const SSL* connection) {
  SIGNET_TRY_ASSIGN(Peer peer, PeerOf(connection));
  return std::move(peer.id);
}

Result<TlsMetrics> MetricsOf(SSL_CTX* context) {
  Binding* binding = Binding::Of(context);
  if (binding == nullptr) {
    return FailedPrecondition("this SSL_CTX is not bound to a source");
  }
  return binding->Metrics(context);
}

}  // namespace signet::client
