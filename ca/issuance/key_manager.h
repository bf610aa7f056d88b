#pragma once

#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/crypto/key.h"

namespace signet::issuance {

/// KeyManager keeps the authority's keys. Kinds: disk (one 0600 file, atomic writes) and memory.
/// Safe for several threads.
class KeyManager {
 public:
  virtual ~KeyManager() = default;
  /// GenerateKey makes a key under an id, replacing one that is there; it is durable before this
  /// returns.
  virtual Result<std::shared_ptr<const crypto::Signer>> GenerateKey(const std::string& key_id,
                                                                    crypto::KeyType type) = 0;
  /// GetKey gives the key, or NOT_FOUND.
  virtual Result<std::shared_ptr<const crypto::Signer>> GetKey(const std::string& key_id) = 0;
};

std::unique_ptr<KeyManager> NewMemoryKeyManager();
/// NewDiskKeyManager opens or creates the key file. A file with a wrong mode or that does not parse
/// is an error that names it; it is never replaced.
Result<std::unique_ptr<KeyManager>> NewDiskKeyManager(const std::string& path);

}  // namespace signet::issuance
