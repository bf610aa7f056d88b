#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "core/base/result.h"
#include "core/crypto/x509_svid.h"
#include "workload-api/client/x509_context.h"

namespace signet::client {

struct OpensslDeleter {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(STACK_OF(X509) * p) const { sk_X509_pop_free(p, X509_free); }
};
template <class T>
using OpensslPtr = std::unique_ptr<T, OpensslDeleter>;

/// Epoch changes when anything changes that a verdict on a peer stands on. Two bindings never have
/// the same.
using Epoch = std::array<std::uint8_t, 32>;

/// TlsMaterial is a snapshot's default identity as OpenSSL wants it. Immutable.
struct TlsMaterial {
  X509Snapshot snapshot;
  OpensslPtr<X509> leaf;
  OpensslPtr<EVP_PKEY> key;
  OpensslPtr<STACK_OF(X509)> intermediates;
  Epoch epoch;
};

/// TlsMaterialCache parses each snapshot once and not at every handshake. Safe for several threads.
class TlsMaterialCache {
 public:
  /// salt makes the epochs of this cache its own.
  explicit TlsMaterialCache(Epoch salt) : salt_(salt) {}
  Result<std::shared_ptr<const TlsMaterial>> For(const X509Snapshot& snapshot);
  /// rotations is how often the snapshot had another leaf than the one before.
  std::uint64_t rotations() const { return rotations_; }

 private:
  const Epoch salt_;
  std::mutex mutex_;
  std::shared_ptr<const TlsMaterial> last_;
  std::atomic<std::uint64_t> rotations_ = 0;
};

}  // namespace signet::client
