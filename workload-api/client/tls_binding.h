#pragma once

#include <openssl/ssl.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/random.h"
#include "workload-api/client/ticket_keys.h"
#include "workload-api/client/tls.h"
#include "workload-api/client/tls_material.h"
#include "workload-api/client/verdict.h"

namespace signet::client {

/// Binding is what a bound SSL_CTX owns, through its ex_data.
class Binding {
 public:
  Binding(std::shared_ptr<const X509Provider> source, Authorizer authorizer, TlsOptions options);

  /// Attach gives the binding to the context, and BindingOf finds it there again (or null).
  static Status Attach(SSL_CTX* context, std::unique_ptr<Binding> binding);
  static Binding* Of(const SSL_CTX* context);

  const TlsOptions& options() const { return options_; }
  bool has_source() const { return source_ != nullptr; }
  SystemTime Now() const { return clock().Now(); }
  TicketKeys& ticket_keys() { return ticket_keys_; }
  MonoTime Mono() const { return clock().Mono(); }

  /// Material is what we show now; an error when we have nothing valid to show.
  Result<std::shared_ptr<const TlsMaterial>> Material();
  /// Judge verifies and authorizes what a peer has presented.
  Result<Verdict> Judge(X509* leaf, const STACK_OF(X509) * others);
  /// MayResume judges an earlier verdict by what holds now.
  Status MayResume(const Verdict& verdict);

  /// These count, and tell the caller's listener. PeerRefused reads the kind from the code.
  void PeerRefused(const Error& why) noexcept;
  void WeHaveNoIdentity(const Error& why) noexcept;
  void SessionRefused() noexcept { ++sessions_refused_; }
  TlsMetrics Metrics(SSL_CTX* context);

 private:
  const Clock& clock() const { return options_.clock != nullptr ? *options_.clock : real_clock_; }
  Status Authorize(const spiffe::SpiffeId& id) const;
  void Tell(const Error& why) const noexcept;

  std::shared_ptr<const X509Provider> source_;
  const Authorizer authorizer_;
  const TlsOptions options_;
  const RealClock real_clock_;
  SystemRandom random_;
  TlsMaterialCache cache_;
  TicketKeys ticket_keys_;
  std::atomic<std::uint64_t> malformed_ = 0, untrusted_ = 0, unauthorized_ = 0;
  std::atomic<std::uint64_t> without_identity_ = 0, sessions_refused_ = 0;
};

/// PeerState is what one SSL remembers of its peer, through its ex_data.
struct PeerState {
  const Binding* judge = nullptr;
  Bytes leaf;  ///< DER of the certificate that was judged
  std::optional<Verdict> verdict;
  bool resumed = false;
  Error refusal;  ///< without a verdict

  /// Fresh replaces what the SSL knew; null when memory is out.
  static PeerState* Fresh(SSL* ssl, const Binding& judge);
  static const PeerState* Of(const SSL* ssl);
};

Result<Bytes> ToDer(const X509* certificate);

}  // namespace signet::client
