#include "workload-api/client/tls_binding.h"

#include <algorithm>
#include <utility>

#include "core/base/encoding.h"

namespace signet::client {
namespace {

Epoch RandomSalt() {
  Epoch salt{};
  SystemRandom().Fill(salt);
  return salt;
}

int BindingIndex() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* p, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Binding*>(p); });
  return index;
}

int PeerStateIndex() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr,
      // SSL_dup: the copy has met nobody yet.
      [](CRYPTO_EX_DATA*, const CRYPTO_EX_DATA*, void** data, int, long, void*) {
        *data = nullptr;
        return 1;
      },
      [](void*, void* p, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<PeerState*>(p); });
  return index;
}

SystemTime FirstEnd(const std::vector<crypto::Certificate>& chain) {
  return std::min_element(chain.begin(), chain.end(),
                          [](const auto& a, const auto& b) { return a.not_after < b.not_after; })
      ->not_after;
}

}  // namespace

Binding::Binding(std::shared_ptr<const X509Provider> source, Authorizer authorizer,
                 TlsOptions options)
    : source_(std::move(source)),
      authorizer_(std::move(authorizer)),
      options_(std::move(options)),
      cache_(RandomSalt()),
      ticket_keys_(random_) {}

Status Binding::Attach(SSL_CTX* context, std::unique_ptr<Binding> binding) {
  if (Of(context) != nullptr) {
    return FailedPrecondition("this SSL_CTX is bound to a source already; make a new one");
  }
  if (SSL_CTX_set_ex_data(context, BindingIndex(), binding.get()) != 1) {
    return Internal("out of memory");
  }
  (void)binding.release();  // the context owns it now
  return {};
}

Binding* Binding::Of(const SSL_CTX* context) {
  return static_cast<Binding*>(SSL_CTX_get_ex_data(context, BindingIndex()));
}

Result<std::shared_ptr<const TlsMaterial>> Binding::Material() {
  const X509Snapshot snapshot = source_->Current();
  if (snapshot == nullptr) {
    return Unavailable("we have no identity to show: " + source_->Problem().message);
  }
  const SystemTime expiry = snapshot->default_identity().svid.leaf().not_after;
  if (expiry < Now()) {
    return Unavailable("our own identity has expired at " + FormatTime(expiry));
  }
  return cache_.For(snapshot);
}

Result<Verdict> Binding::Judge(X509* leaf, const STACK_OF(X509) * others) {
  const X509Snapshot snapshot = source_->Current();
  if (snapshot == nullptr) {
    return Unavailable("we have no trust bundle to judge the peer by");
  }
  SIGNET_TRY_ASSIGN(const auto material, cache_.For(snapshot));
  SIGNET_TRY_ASSIGN(crypto::VerifiedSvid peer,
                    crypto::VerifyPresented(leaf, others, snapshot->trust_stores, Now()));
  SIGNET_TRY(Authorize(peer.svid.id));
  return Verdict{std::move(peer.svid.id), FirstEnd(peer.svid.chain), peer.authority,
                 material->epoch};
}

Status Binding::MayResume(const Verdict& verdict) {
  SIGNET_TRY_ASSIGN(const auto material, Material());
  if (material->epoch != verdict.epoch) {
    return FailedPrecondition("the session is of another epoch");
  }
  if (verdict.not_after < Now()) {
    return FailedPrecondition(verdict.id.ToString() + " has expired at " +
                              FormatTime(verdict.not_after));
  }
  return Authorize(verdict.id);
}

// Whatever code a judge of the caller's chooses: to us it is one kind of refusal.
Status Binding::Authorize(const spiffe::SpiffeId& id) const {
  const Status status = authorizer_.Authorize(id);
  if (!status.ok()) {
    return PermissionDenied(status.error().message);
  }
  return {};
}

// No exception may leave a callback of the TLS library.
void Binding::Tell(const Error& why) const noexcept {
  try {
    if (options_.on_refused) {
      options_.on_refused(why);
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch): a listener's failure changes nothing here
  }
}

void Binding::PeerRefused(const Error& why) noexcept {
  switch (why.code) {
    case Code::kInvalidArgument:
      ++malformed_;
      break;
    case Code::kPermissionDenied:
      ++unauthorized_;
      break;
    case Code::kUnavailable:
      ++without_identity_;
      break;
    default:
      ++untrusted_;
  }
  Tell(Error(why).Context("peer refused"));
}

void Binding::WeHaveNoIdentity(const Error& why) noexcept {
  ++without_identity_;
  Tell(Error(why).Context("handshake refused"));
}

TlsMetrics Binding::Metrics(SSL_CTX* context) {
  TlsMetrics metrics;
  metrics.handshakes = static_cast<std::uint64_t>(SSL_CTX_sess_accept_good(context) +
                                                  SSL_CTX_sess_connect_good(context));
  metrics.resumed = static_cast<std::uint64_t>(SSL_CTX_sess_hits(context));
  metrics.refused_malformed = malformed_;
  metrics.refused_untrusted = untrusted_;
  metrics.refused_unauthorized = unauthorized_;
  metrics.refused_without_identity = without_identity_;
  metrics.sessions_refused = sessions_refused_;
  if (const X509Snapshot snapshot = source_->Current(); snapshot != nullptr) {
    metrics.until_expiry = snapshot->default_identity().svid.leaf().not_after - Now();
    if (const auto material = cache_.For(snapshot); material.ok()) {
      metrics.epoch = HexEncode((*material)->epoch).substr(0, 16);
    }
  }
  metrics.rotations = cache_.rotations();
  return metrics;
}

PeerState* PeerState::Fresh(SSL* ssl, const Binding& judge) {
  auto fresh = std::make_unique<PeerState>();
  fresh->judge = &judge;
  const std::unique_ptr<PeerState> old(
      static_cast<PeerState*>(SSL_get_ex_data(ssl, PeerStateIndex())));
  if (SSL_set_ex_data(ssl, PeerStateIndex(), fresh.get()) != 1) {
    SIGNET_CHECK(old == nullptr, "replacing ex_data needs no memory");
    return nullptr;
  }
  return fresh.release();
}

const PeerState* PeerState::Of(const SSL* ssl) {
  return static_cast<const PeerState*>(SSL_get_ex_data(ssl, PeerStateIndex()));
}

Result<Bytes> ToDer(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) {
    return InvalidArgument("a certificate of the peer cannot be encoded");
  }
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

}  // namespace signet::client
