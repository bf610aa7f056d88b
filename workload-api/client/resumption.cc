#include "workload-api/client/resumption.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <utility>

#include "workload-api/client/resumption_hooks.h"

namespace signet::client {

struct SessionDeleter {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using SessionPtr = std::unique_ptr<SSL_SESSION, SessionDeleter>;

struct ResumableSession::State {
  const Binding* binding;  // told apart by address while its SSL_CTX lives; never followed
  SessionPtr session;
  Verdict verdict;
  Bytes leaf;
};

namespace {

bool Remember(SSL* ssl, const Binding& binding, Verdict verdict, Bytes leaf) {
  PeerState* state = PeerState::Fresh(ssl, binding);
  if (state == nullptr) {
    return false;
  }
  state->leaf = std::move(leaf);
  state->verdict = std::move(verdict);
  state->resumed = true;
  return true;
}

// A verdict that this very binding has passed on this connection.
const PeerState* Judged(const SSL* ssl, const Binding& binding) {
  const PeerState* state = PeerState::Of(ssl);
  return state != nullptr && state->judge == &binding && state->verdict ? state : nullptr;
}

// Writes the verdict into a ticket that is about to be made. A ticket without one is never taken
// back.
int FillTicket(SSL* ssl, void* argument) noexcept {
  const auto& binding = *static_cast<const Binding*>(argument);
  SSL_SESSION* session = SSL_get_session(ssl);
  const PeerState* state = Judged(ssl, binding);
  const Bytes data = state == nullptr ? Bytes() : EncodeVerdict(*state->verdict);
  if (state != nullptr) {
    const auto rest = std::clamp<Duration>(state->verdict->not_after - binding.Now(),
                                           std::chrono::seconds(0), TicketKeys::kLifetime);
    SSL_SESSION_set_timeout(session,
                            std::chrono::duration_cast<std::chrono::seconds>(rest).count());
  }
  return SSL_SESSION_set1_ticket_appdata(session, data.data(), data.size());
}

Status TakeTicket(SSL* ssl, SSL_SESSION* session, Binding& binding) {
  // A client-hello callback may have moved the connection to a context with another authorizer.
  if (Binding::Of(SSL_get_SSL_CTX(ssl)) != &binding) {
    return FailedPrecondition("the session belongs to another SSL_CTX");
  }
  void* data = nullptr;
  std::size_t size = 0;
  X509* leaf = SSL_SESSION_get0_peer(session);
  if (leaf == nullptr || SSL_SESSION_get0_ticket_appdata(session, &data, &size) != 1) {
    return FailedPrecondition("the session names no peer");
  }
  SIGNET_TRY_ASSIGN(Verdict verdict, DecodeVerdict({static_cast<std::uint8_t*>(data), size}));
  SIGNET_TRY(binding.MayResume(verdict));
  SIGNET_TRY_ASSIGN(Bytes der, ToDer(leaf));
  if (!Remember(ssl, binding, std::move(verdict), std::move(der))) {
    return Internal("out of memory");
  }
  return {};
}

SSL_TICKET_RETURN JudgeTicket(SSL* ssl, SSL_SESSION* session, const unsigned char*, std::size_t,
                              SSL_TICKET_STATUS status, void* argument) noexcept {
  auto& binding = *static_cast<Binding*>(argument);
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  if (!TakeTicket(ssl, session, binding).ok()) {
    binding.SessionRefused();
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  // A ticket of TLS 1.3 is good for one connection, so it is answered with the next one.
  const bool renew = status == SSL_TICKET_SUCCESS_RENEW || SSL_version(ssl) >= TLS1_3_VERSION;
  return renew ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

int ChooseTicketKey(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                    EVP_MAC_CTX* mac, int encrypt) noexcept {
  Binding* binding = Binding::Of(SSL_get_SSL_CTX(ssl));
  if (binding == nullptr) {
    return 0;
  }
  TicketKeys& keys = binding->ticket_keys();
  const MonoTime now = binding->Mono();
  const TicketKeys::Contexts contexts{cipher, mac};
  const bool ok =
      encrypt == 1 ? keys.Seal(now, name, iv, contexts) : keys.Open(now, name, iv, contexts);
  return ok ? 1 : 0;
}

// Called with each session that a server has offered. The copy is ours alone: OpenSSL spoils the
// connection's own one when the connection ends without a goodbye.
int KeepSession(SSL* ssl, SSL_SESSION* offered) noexcept {
  Binding* binding = Binding::Of(SSL_get_SSL_CTX(ssl));
  const PeerState* state = binding == nullptr ? nullptr : Judged(ssl, *binding);
  if (state == nullptr || !binding->options().on_session) {
    return 0;
  }
  try {
    auto kept = std::make_shared<ResumableSession::State>(ResumableSession::State{
        binding, SessionPtr(SSL_SESSION_dup(offered)), *state->verdict, state->leaf});
    if (kept->session != nullptr) {
      binding->options().on_session(ssl, ResumableSession(std::move(kept)));
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch): a listener's failure changes nothing here
  }
  return 0;  // the reference stays OpenSSL's
}

}  // namespace

Status AllowServerResumption(SSL_CTX* context, Binding& binding) {
  // Sessions must not pass from one context to another; keys of its own and this name see to it.
  std::array<std::uint8_t, SSL_MAX_SID_CTX_LENGTH> name{};
  SystemRandom().Fill(name);
  SSL_CTX_clear_options(context, SSL_OP_NO_TICKET);
  const bool ok = SSL_CTX_set_session_id_context(context, name.data(), name.size()) == 1 &&
                  SSL_CTX_set_num_tickets(context, 1) == 1 &&
                  SSL_CTX_set_session_ticket_cb(context, FillTicket, JudgeTicket, &binding) == 1 &&
                  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ChooseTicketKey) == 1;
  if (!ok) {
    ERR_clear_error();
    return Internal("OpenSSL does not accept the settings for resumption");
  }
  return {};
}

void AllowClientResumption(SSL_CTX* context) {
  SSL_CTX_clear_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, KeepSession);
}

const spiffe::SpiffeId& ResumableSession::peer() const { return state_->verdict.id; }
SystemTime ResumableSession::peer_not_after() const { return state_->verdict.not_after; }

Status OfferSession(SSL* connection, const ResumableSession& session) {
  const ResumableSession::State& state = session.state();
  Binding* binding = Binding::Of(SSL_get_SSL_CTX(connection));
  if (binding == nullptr || binding != state.binding) {
    return FailedPrecondition("the session belongs to another SSL_CTX");
  }
  if (SSL_in_before(connection) != 1) {
    return FailedPrecondition("the handshake has begun already");
  }
  if (Status status = binding->MayResume(state.verdict); !status.ok()) {
    binding->SessionRefused();
    return status;
  }
  const SessionPtr copy(SSL_SESSION_dup(state.session.get()));
  if (copy == nullptr || SSL_set_session(connection, copy.get()) != 1 ||
      !Remember(connection, *binding, state.verdict, state.leaf)) {
    ERR_clear_error();
    return Internal("OpenSSL does not take the session");
  }
  return {};
}

}  // namespace signet::client
