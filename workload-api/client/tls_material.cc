#include "workload-api/client/tls_material.h"

#include <utility>

#include "core/base/secret.h"

namespace signet::client {
namespace {

Result<OpensslPtr<X509>> ToX509(const crypto::Certificate& certificate) {
  const unsigned char* der = certificate.der.data();
  OpensslPtr<X509> x509(d2i_X509(nullptr, &der, static_cast<long>(certificate.der.size())));
  if (x509 == nullptr) {
    return InvalidArgument("OpenSSL cannot read a certificate of the identity");
  }
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

}  // namespace

Result<std::shared_ptr<const TlsMaterial>> MakeTlsMaterial(X509Snapshot snapshot) {
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
  material->snapshot = std::move(snapshot);
  return std::shared_ptr<const TlsMaterial>(std::move(material));
}

Result<std::shared_ptr<const TlsMaterial>> TlsMaterialCache::For(const X509Snapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  if (last_ == nullptr || last_->snapshot != snapshot) {
    SIGNET_TRY_ASSIGN(last_, MakeTlsMaterial(snapshot));
  }
  return last_;
}

}  // namespace signet::client
