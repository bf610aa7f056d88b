#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ca/service/attestation.h"
#include "ca/service/context.h"
#include "core/base/secret.h"
#include "core/crypto/key.h"

namespace signet::service {

/// ServerSvid is the server's own identity, "spiffe://<td>/spire/server", in memory alone. It is
/// renewed at half of its life (counted from when it was made: notBefore is backdated), and as soon
/// as another authority has become ACTIVE. Safe for several threads.
class ServerSvid {
 public:
  /// Snapshot is one generation; immutable.
  struct Snapshot {
    std::vector<Bytes> chain;  ///< leaf first
    Secret key;                ///< PKCS#8
    std::string authority_id;
    SystemTime issued_at;
    SystemTime not_after;
  };

  ServerSvid(Context& context, IssuerSource issuer, crypto::KeyType key_type, Duration ttl)
      : context_(context), issuer_(std::move(issuer)), key_type_(key_type), ttl_(ttl) {}

  /// Step renews when it is time; the first one makes the first SVID. True if it did.
  Result<bool> Step();
  /// current is null before the first Step.
  std::shared_ptr<const Snapshot> current() const;

 private:
  bool IsDue() const;

  Context& context_;
  const IssuerSource issuer_;
  const crypto::KeyType key_type_;
  const Duration ttl_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> current_;  ///< guarded by mutex_
};

}  // namespace signet::service
