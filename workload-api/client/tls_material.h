#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <mutex>

#include "core/base/result.h"
#include "workload-api/client/x509_context.h"

namespace signet::client {

struct OpensslDeleter {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(STACK_OF(X509) * p) const { sk_X509_pop_free(p, X509_free); }
};
template <class T>
using OpensslPtr = std::unique_ptr<T, OpensslDeleter>;

/// TlsMaterial is a snapshot's default identity as OpenSSL wants it. Immutable.
struct TlsMaterial {
  X509Snapshot snapshot;
  OpensslPtr<X509> leaf;
  OpensslPtr<EVP_PKEY> key;
  OpensslPtr<STACK_OF(X509)> intermediates;
};

Result<std::shared_ptr<const TlsMaterial>> MakeTlsMaterial(X509Snapshot snapshot);

/// TlsMaterialCache parses each snapshot once and not at every handshake. Safe for several threads.
class TlsMaterialCache {
 public:
  Result<std::shared_ptr<const TlsMaterial>> For(const X509Snapshot& snapshot);

 private:
  std::mutex mutex_;
  std::shared_ptr<const TlsMaterial> last_;
};

}  // namespace signet::client
