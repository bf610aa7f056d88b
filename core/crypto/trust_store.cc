#include <string>

#include "core/crypto/bundle_codec.h"
#include "core/crypto/hash.h"
#include "core/crypto/openssl.h"
#include "core/crypto/x509_svid.h"

namespace signet::crypto {
namespace {

constexpr int kMaxDepth = 8;
constexpr int kAuthLevel = 2;  // at least 112 bits: RSA-2048, P-256, no SHA-1, all along the path

struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using Stack = std::unique_ptr<STACK_OF(X509), FreeStack>;

/// The chain without its leaf: hints for building a path, not trusted.
Result<Stack> LoadIntermediates(const std::vector<Bytes>& chain) {
  Stack stack(sk_X509_new_null());
  for (std::size_t i = 1; i < chain.size(); ++i) {
    SIGNET_TRY_ASSIGN(X509Handle certificate, LoadX509(chain[i]));
    if (!stack || sk_X509_push(stack.get(), certificate.get()) <= 0) {
      return OpenSslError("cannot set up a verification");
    }
    (void)certificate.release();  // the stack owns it now
  }
  return stack;
}

Result<Bytes> ToDer(const X509* certificate) {
  const int size = i2d_X509(certificate, nullptr);
  Bytes der(size > 0 ? static_cast<std::size_t>(size) : 0);
  unsigned char* at = der.data();
  if (size <= 0 || i2d_X509(certificate, &at) != size) {
    DropOpenSslErrors();
    return InvalidArgument("a certificate cannot be encoded");
  }
  return der;
}

Result<std::vector<Bytes>> ChainOf(const X509* leaf, const STACK_OF(X509) * others) {
  if (leaf == nullptr) {
    return InvalidArgument("the peer showed no certificate");
  }
  std::vector<Bytes> chain(1);
  SIGNET_TRY_ASSIGN(chain.front(), ToDer(leaf));
  for (int i = 0; i < sk_X509_num(others); ++i) {
    SIGNET_TRY_ASSIGN(Bytes der, ToDer(sk_X509_value(others, i)));
    if (i > 0 || der != chain.front()) {
      chain.push_back(std::move(der));
    }
  }
  return chain;
}

bool Configure(X509_STORE_CTX* context, SystemTime now) {
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_time(parameters, UnixSeconds(now));
  X509_VERIFY_PARAM_set_depth(parameters, kMaxDepth);
  X509_VERIFY_PARAM_set_auth_level(parameters, kAuthLevel);
  // An intermediate that is published as an authority anchors a path by itself (X509-32 asks for
  // self-signed ones, and domains with an upstream authority publish others).
  return X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
         X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_ANY) == 1;
}

/// The authority that ended the path.
Result<Fingerprint> EndOfPath(const X509_STORE_CTX* verified) {
  const STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(verified);
  SIGNET_TRY_ASSIGN(const Bytes der, ToDer(sk_X509_value(path, sk_X509_num(path) - 1)));
  return Sha256(der);
}

struct Candidate {
  const spiffe::SpiffeId& id;
  X509* leaf;
  STACK_OF(X509) * others;
};

/// ValidatePath gives the authority that vouches for the candidate.
Result<Fingerprint> ValidatePath(const Candidate& candidate, X509_STORE* store, SystemTime now) {
  const StoreContext context(X509_STORE_CTX_new());
  if (!context ||
      X509_STORE_CTX_init(context.get(), store, candidate.leaf, candidate.others) != 1 ||
      !Configure(context.get(), now)) {
    return OpenSslError("cannot set up a verification");
  }
  if (X509_verify_cert(context.get()) != 1) {
    const int reason = X509_STORE_CTX_get_error(context.get());
    DropOpenSslErrors();
    return Unauthenticated(candidate.id.ToString() + " is not trusted at " + FormatTime(now) +
                           ": " + X509_verify_cert_error_string(reason) + " (certificate " +
                           std::to_string(X509_STORE_CTX_get_error_depth(context.get()) + 1) +
                           " of the path)");
  }
  return EndOfPath(context.get());
}

}  // namespace

struct TrustStore::Impl {
  spiffe::TrustDomain trust_domain;
  StoreHandle store;
  std::set<Fingerprint> authorities;
};

TrustStore::TrustStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TrustStore::~TrustStore() = default;

Result<std::shared_ptr<const TrustStore>> TrustStore::Create(const spiffe::Bundle& bundle) {
  StoreHandle store(X509_STORE_new());
  std::set<Fingerprint> authorities;
  if (!store) {
    return OpenSslError("cannot make a trust store");
  }
  for (const spiffe::X509Authority& authority : bundle.x509_authorities) {
    const std::string where = "authority of " + bundle.trust_domain.name();
    SIGNET_TRY(ValidateAuthority(authority.der).Context(where));
    SIGNET_TRY_ASSIGN(const X509Handle certificate, LoadX509(authority.der).Context(where));
    // Libcrypto reads the extensions at their first use; better now than in several threads' hands.
    X509_check_purpose(certificate.get(), -1, 0);
    if (X509_STORE_add_cert(store.get(), certificate.get()) != 1) {
      return OpenSslError("cannot fill a trust store");
    }
    authorities.insert(Sha256(authority.der));
  }
  return std::make_shared<const TrustStore>(
      std::make_unique<Impl>(Impl{bundle.trust_domain, std::move(store), std::move(authorities)}));
}

const spiffe::TrustDomain& TrustStore::trust_domain() const { return impl_->trust_domain; }

const std::set<Fingerprint>& TrustStore::authorities() const { return impl_->authorities; }

namespace {

Result<X509_STORE*> StoreFor(const spiffe::SpiffeId& id, const TrustStores& stores) {
  const auto found = stores.find(id.trust_domain());
  if (found == stores.end() || found->second->trust_domain() != id.trust_domain()) {
    return Unauthenticated(id.ToString() + " is not trusted: no bundle for " +
                           id.trust_domain().name());
  }
  return found->second->impl().store.get();
}

}  // namespace

Result<X509Svid> VerifyX509Svid(const std::vector<Bytes>& chain_der, const TrustStores& stores,
                                SystemTime now) {
  SIGNET_TRY_ASSIGN(X509Svid svid, X509Svid::FromChain(chain_der));
  SIGNET_TRY_ASSIGN(X509_STORE* const store, StoreFor(svid.id, stores));
  SIGNET_TRY_ASSIGN(const X509Handle leaf, LoadX509(chain_der.front()));
  SIGNET_TRY_ASSIGN(const Stack others, LoadIntermediates(chain_der));
  SIGNET_TRY(ValidatePath({svid.id, leaf.get(), others.get()}, store, now));
  return svid;
}

Result<VerifiedSvid> VerifyPresented(X509* leaf, const STACK_OF(X509) * others,
                                     const TrustStores& stores, SystemTime now) {
  SIGNET_TRY_ASSIGN(const std::vector<Bytes> chain, ChainOf(leaf, others));
  SIGNET_TRY_ASSIGN(X509Svid svid, X509Svid::FromChain(chain));
  SIGNET_TRY_ASSIGN(X509_STORE* const store, StoreFor(svid.id, stores));
  // Libcrypto's own type is not const here; it only reads the stack.
  auto* const readable = const_cast<STACK_OF(X509)*>(others);
  SIGNET_TRY_ASSIGN(const Fingerprint authority,
                    ValidatePath({svid.id, leaf, readable}, store, now));
  return VerifiedSvid{std::move(svid), authority};
}

}  // namespace signet::crypto
