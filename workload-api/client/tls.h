#pragma once

#include <functional>
#include <memory>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/spiffe/spiffe_id.h"
#include "workload-api/client/authorizer.h"
#include "workload-api/client/x509_source.h"

struct ssl_ctx_st;  // SSL_CTX of <openssl/ssl.h>
struct ssl_st;      // SSL

namespace signet::client {

struct TlsOptions {
  const Clock* clock = nullptr;  ///< null: the machine's clock; else it must outlive the SSL_CTX
  /// on_refused hears why a handshake was refused by us. It runs on the handshake's thread.
  std::function<void(const Error&)> on_refused = {};
};

/// ConfigureServer and ConfigureClient bind a context to a source for mutual TLS:
///
/// - every handshake presents the default identity of that moment, so that rotation needs no new
/// context;
/// - every handshake verifies the peer as an X509-SVID against the bundle of the peer's own trust
/// domain, as it is at
///   that moment, and then asks the authorizer; names and ports play no part;
/// - without a valid identity of ours, or with a peer that shows none, the handshake fails;
/// - TLS 1.2 or later with forward secrecy; no tickets, no session cache, no renegotiation: a
/// resumed session would
///   skip the verification.
///
/// The context keeps the source alive. Leave its verify mode, callbacks and certificates alone
/// afterwards; ALPN and the rest is the caller's. FAILED_PRECONDITION if it is bound already.
Status ConfigureServer(ssl_ctx_st* context, std::shared_ptr<const X509Provider> source,
                       Authorizer authorizer, TlsOptions options = {});
Status ConfigureClient(ssl_ctx_st* context, std::shared_ptr<const X509Provider> source,
                       Authorizer authorizer, TlsOptions options = {});

/// PeerId is who is at the other end, verified and authorized in this connection's own full
/// handshake. Otherwise the error says why not. With TLS 1.3 a client's handshake ends before the
/// server has judged it: only the first answer proves that the server let it in.
Result<spiffe::SpiffeId> PeerId(const ssl_st* connection);

}  // namespace signet::client
