#pragma once

// Private to core/crypto: the one door to libcrypto. No public header includes this file.

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace signet::crypto {

/// Deleter is empty, so that a handle is as big as the pointer it owns.
template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using MdContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using Pkey = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using Pkcs8 = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Deleter<PKCS8_PRIV_KEY_INFO_free>>;
using X509Handle = std::unique_ptr<X509, Deleter<X509_free>>;
using StoreHandle = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;

static_assert(sizeof(Pkey) == sizeof(void*));

/// OpenSslError drains this thread's error queue into an INTERNAL error that starts with what. For
/// failures that input cannot cause; input's own faults get our words.
Error OpenSslError(std::string_view what);

/// DropOpenSslErrors empties this thread's error queue, after a failure that we explain ourselves.
void DropOpenSslErrors();

/// LoadX509 has libcrypto read one certificate, and nothing after it.
Result<X509Handle> LoadX509(ByteView der);

/// Digests, fetched once in the life of the process (a fetch for each use costs as much as a hash).
const EVP_MD* Sha1Digest();
const EVP_MD* Sha256Digest();
const EVP_MD* Sha384Digest();
const EVP_MD* Sha512Digest();

}  // namespace signet::crypto
