#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/crypto/x509_svid.h"
#include "core/spiffe/spiffe_id.h"
#include "workload-api/client/authorizer.h"
#include "workload-api/client/x509_source.h"

struct ssl_ctx_st;  // SSL_CTX of <openssl/ssl.h>
struct ssl_st;      // SSL

namespace signet::client {

class ResumableSession;  // resumption.h

/// Resumption says whether a connection may take over what an earlier one has proved.
///
/// kEpoch: yes, as long as nothing has changed that the proof stood on. A session remembers the
/// peer's ID, the end of its certificate and the epoch: all trust bundles, our own ID and this very
/// binding. Another epoch, an expired peer, or one that the authorizer now refuses get a full
/// handshake instead. Saves half of a handshake's time; the keys of the tickets are random, stay in
/// this process and change every hour.
enum class Resumption { kOff, kEpoch };

struct TlsOptions {
  const Clock* clock = nullptr;  ///< null: the machine's clock; else it must outlive the SSL_CTX
  /// on_refused hears why a handshake was refused by us. It runs on the handshake's thread and must
  /// not block.
  std::function<void(const Error&)> on_refused = {};
  Resumption resumption = Resumption::kOff;
  /// on_session, of a client with kEpoch, gets each session that a server offers for later; keep it
  /// and hand it to OfferSession. It runs on the thread that drives the connection.
  std::function<void(const ssl_st*, const ResumableSession&)> on_session = {};
};

/// ConfigureServer and ConfigureClient bind a context to a source for mutual TLS:
///
/// - every handshake presents the default identity of that moment, so that rotation needs no new
///   context;
/// - every handshake verifies the peer as an X509-SVID against the bundle of the peer's own trust
///   domain, as it is at that moment, and then asks the authorizer; names and ports play no part;
/// - without a valid identity of ours, or with a peer that shows none, the handshake fails;
/// - TLS 1.2 or later with forward secrecy, no renegotiation; no tickets and no session cache
///   unless `resumption` says so: a session that is resumed by OpenSSL alone skips the
///   verification;
/// - a server names no authorities when it asks for a certificate: whom we trust is nobody's
///   business.
///
/// The context keeps the source alive. Leave its verify mode, session and ticket callbacks, and
/// certificates alone afterwards; ALPN, SNI and the rest is the caller's. Nothing here blocks.
/// FAILED_PRECONDITION if it is bound already.
Status ConfigureServer(ssl_ctx_st* context, std::shared_ptr<const X509Provider> source,
                       Authorizer authorizer, TlsOptions options = {});
Status ConfigureClient(ssl_ctx_st* context, std::shared_ptr<const X509Provider> source,
                       Authorizer authorizer, TlsOptions options = {});

/// Peer is who is at the other end, and what that rests on.
struct Peer {
  spiffe::SpiffeId id;
  SystemTime not_after;           ///< the first end among its certificates
  crypto::Fingerprint authority;  ///< the one of its trust domain's bundle that vouched for it
  bool resumed = false;           ///< proved in an earlier connection, judged again in this one

  friend bool operator==(const Peer&, const Peer&) = default;
};

/// PeerOf tells who was verified and authorized for this connection. Otherwise the error says why
/// nobody was. With TLS 1.3 a client's handshake ends before the server has judged it: only the
/// first answer proves that the server let it in.
Result<Peer> PeerOf(const ssl_st* connection);
/// PeerId is PeerOf's id.
Result<spiffe::SpiffeId> PeerId(const ssl_st* connection);

/// TlsMetrics counts since the binding of a context.
struct TlsMetrics {
  std::uint64_t handshakes = 0;  ///< finished, resumed ones included
  std::uint64_t resumed = 0;
  std::uint64_t refused_malformed = 0;         ///< peers: no X509-SVID
  std::uint64_t refused_untrusted = 0;         ///< peers: expired, or nobody we trust vouches
  std::uint64_t refused_unauthorized = 0;      ///< peers: the authorizer said no
  std::uint64_t refused_without_identity = 0;  ///< ours was missing, expired or broken
  std::uint64_t sessions_refused = 0;          ///< resumption refused, full handshake instead
  std::uint64_t rotations = 0;                 ///< how often handshakes met a new own identity
  std::string epoch;                           ///< of now, for eyes only; "" without an identity
  std::optional<Duration> until_expiry;        ///< of our own identity; negative: it has expired
};

/// MetricsOf reads the figures of a bound context; from any thread. FAILED_PRECONDITION: not bound.
Result<TlsMetrics> MetricsOf(ssl_ctx_st* context);

}  // namespace signet::client
