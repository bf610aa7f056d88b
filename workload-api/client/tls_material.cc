#include "workload-api/client/tls_material.h"

#include <openssl/x509v3.h>

#include <utility>

#include "core/base/secret.h"
#include "core/crypto/hash.h"

namespace signet::client {
namespace {

Result<OpensslPtr<X509>> ToX509(const crypto::Certificate& certificate) {
  const unsigned char* der = certificate.der.data();
  OpensslPtr<X509> x509(d2i_X509(nullptr, &der, static_cast<long>(certificate.der.size())));
  if (x509 == nullptr) {
    return InvalidArgument("OpenSSL cannot read a certificate of the identity");
  }
  // Libcrypto reads the extensions at their first use; better now than in several threads' hands.
  X509_check_purpose(x509.get(), -1, 0);
  return x509;
}

Result<OpensslPtr<EVP_PKEY>> ToKey(const crypto::PrivateKey& key) {
  SIGNET_TRY_ASSIGN(const Secret pkcs8, key.ToPkcs8());
  const ByteView bytes = pkcs8.RevealSecret();
  const unsigned char* der = bytes.data();
  OpensslPtr<EVP_PKEY> pkey(d2i_AutoPrivateKey(nullptr, &der, static_cast<long>(bytes.size())));
  if (pkey == nullptr) {
    return InvalidArgument("OpenSSL cannot read the private key of the identity");
  }
  return pkey;
}

// Everything a verdict stands on, in an order that is the same for the same content: sets and maps
// are sorted, and what varies in length ends with a byte that no name holds.
Epoch EpochOf(const X509Context& context, const Epoch& salt) {
  Bytes grounds(salt.begin(), salt.end());
  Append(grounds, AsBytes(context.default_identity().id().ToString()));
  for (const auto& [trust_domain, store] : context.trust_stores) {
    grounds.push_back(0);
    Append(grounds, AsBytes(trust_domain.name()));
    grounds.push_back(0);
    for (const crypto::Fingerprint& authority : store->authorities()) {
      Append(grounds, authority);
    }
  }
  return crypto::Sha256(grounds);
}

Result<std::shared_ptr<const TlsMaterial>> MakeTlsMaterial(X509Snapshot snapshot,
                                                           const Epoch& salt) {
  const X509Identity& identity = snapshot->default_identity();
  auto material = std::make_shared<TlsMaterial>();
  SIGNET_TRY_ASSIGN(material->leaf, ToX509(identity.svid.leaf()));
  SIGNET_TRY_ASSIGN(material->key, ToKey(*identity.key));
  material->intermediates.reset(sk_X509_new_null());
  for (std::size_t i = 1; i < identity.svid.chain.size(); ++i) {
    SIGNET_TRY_ASSIGN(OpensslPtr<X509> x509, ToX509(identity.svid.chain[i]));
    if (sk_X509_push(material->intermediates.get(), x509.get()) == 0) {
      return Internal("out of memory");
    }
    x509.release();
  }
  material->epoch = EpochOf(*snapshot, salt);
  material->snapshot = std::move(snapshot);
  return std::shared_ptr<const TlsMaterial>(std::move(material));
}

}  // namespace

Result<std::shared_ptr<const TlsMaterial>> TlsMaterialCache::For(const X509Snapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  if (last_ == nullptr || last_->snapshot != snapshot) {
    SIGNET_TRY_ASSIGN(auto fresh, MakeTlsMaterial(snapshot, salt_));
    if (last_ != nullptr && X509_cmp(fresh->leaf.get(), last_->leaf.get()) != 0) {
      ++rotations_;
    }
    last_ = std::move(fresh);
  }
  return last_;
}

}  // namespace signet::client
