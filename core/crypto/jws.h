#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace signet::crypto {

inline constexpr std::size_t kMaxJwsBytes = 16 * 1024;

/// JwsAlgorithm lists what is believed. `none` and everything symmetric is not among it.
enum class JwsAlgorithm : std::uint8_t { kRs256, kEs256, kEs384, kEs512 };
std::string_view JwsAlgorithmName(JwsAlgorithm algorithm);

/// Jws is a signed message in compact form (RFC 7515 §7.1), taken apart and not yet believed.
struct Jws {
  JwsAlgorithm algorithm = JwsAlgorithm::kRs256;
  std::string key_id = {};  ///< empty if the header has none
  Bytes payload;
  std::string signing_input;
  Bytes signature;

  /// Parse: INVALID_ARGUMENT if this is no JWS (above 16 KiB, not three parts of strict base64url,
  /// header with a member twice …); PERMISSION_DENIED if it is one that nobody may rely on: another
  /// algorithm, critical extensions. Keys that the header itself brings or points at are ignored.
  static Result<Jws> Parse(std::string_view compact);
};

/// JwsKey is a public key that verifies: RSA of 2048, 3072 or 4096 bits with e = 65537, or EC on
/// P-256, P-384 or (here alone) P-521. The key decides the one algorithm that it is used with.
/// Immutable, cheap to copy, safe for several threads.
class JwsKey {
 public:
  const std::string& id() const { return id_; }
  JwsAlgorithm algorithm() const { return algorithm_; }
  const Bytes& spki() const { return spki_; }
  /// Verify: PERMISSION_DENIED if the message names another algorithm or the signature does not
  /// fit. The key id is not looked at.
  Status Verify(const Jws& jws) const;

  friend bool operator==(const JwsKey& a, const JwsKey& b) {
    return a.id_ == b.id_ && a.spki_ == b.spki_;
  }

  struct Handle;
  JwsKey(std::string id, JwsAlgorithm algorithm, Bytes spki, std::shared_ptr<const Handle> handle)
      : id_(std::move(id)),
        algorithm_(algorithm),
        spki_(std::move(spki)),
        handle_(std::move(handle)) {}

 private:
  std::string id_;
  JwsAlgorithm algorithm_;
  Bytes spki_;
  std::shared_ptr<const Handle> handle_;
};

inline constexpr std::size_t kMaxJwksBytes = 256 * 1024;
inline constexpr std::size_t kMaxJwksKeys = 64;
inline constexpr std::size_t kMaxKeyIdBytes = 1024;

/// ParseJwks reads a JWK set (RFC 7517 §5). Keys of other kinds, for another use or malformed are
/// passed over, as the RFC asks. INVALID_ARGUMENT: no JWK set, above 256 KiB or 64 keys, an object
/// with a member twice.
Result<std::vector<JwsKey>> ParseJwks(std::string_view json);

}  // namespace signet::crypto
