#pragma once

#include <memory>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/secret.h"

namespace signet::crypto {

/// KeyType lists the keys Signet makes and accepts; nothing else is let in (design §4).
enum class KeyType { kEcP256, kEcP384, kRsa2048, kRsa3072, kRsa4096 };

/// KeyTypeName gives the configuration spelling: "ec-p256", "ec-p384", "rsa-2048", "rsa-3072",
/// "rsa-4096".
std::string_view KeyTypeName(KeyType type);
Result<KeyType> ParseKeyType(std::string_view name);

/// SignatureAlgorithm of an X.509 object. Own signatures follow the key: P-256 → SHA-256, P-384 →
/// SHA-384, RSA → PKCS#1 v1.5 with SHA-256. The others are accepted when verifying.
enum class SignatureAlgorithm {
  kEcdsaSha256,
  kEcdsaSha384,
  kEcdsaSha512,
  kRsaSha256,
  kRsaSha384,
  kRsaSha512
};
SignatureAlgorithm DefaultSignatureAlgorithm(KeyType type);
/// AlgorithmIdentifier gives the DER that stands for it in certificates and requests. Static
/// storage.
ByteView AlgorithmIdentifier(SignatureAlgorithm algorithm);

/// PublicKey is an accepted public key: valid point on a named curve, or RSA of a listed size with
/// e = 65537. Immutable, cheap to copy, safe for several threads.
class PublicKey {
 public:
  /// FromSpki parses a DER SubjectPublicKeyInfo strictly, without d2i_* (7-10 µs for P-256).
  /// INVALID_ARGUMENT says why: unsupported algorithm or curve, explicit parameters, point off the
  /// curve or at infinity, odd size or exponent, trailing bytes.
  static Result<PublicKey> FromSpki(ByteView der);

  KeyType type() const;
  const Bytes& spki() const;
  /// subject_key_id is SHA-1 over the subjectPublicKey bits, 20 bytes (spire-api §11).
  const Bytes& subject_key_id() const;
  /// Verify checks a DER-encoded signature over message; PERMISSION_DENIED if it does not fit.
  Status Verify(SignatureAlgorithm algorithm, ByteView message, ByteView signature) const;

  friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.spki() == b.spki(); }

  struct Impl;
  explicit PublicKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

/// Signer signs bytes with a key that it does not show. Memory, disk and (later) PKCS#11 keys are
/// Signers. Safe for several threads.
class Signer {
 public:
  virtual ~Signer() = default;
  virtual const PublicKey& public_key() const = 0;
  /// Sign hashes and signs message with DefaultSignatureAlgorithm(public_key().type()); ECDSA comes
  /// out as DER.
  virtual Result<Bytes> Sign(ByteView message) const = 0;
};

/// PrivateKey is a key in memory.
class PrivateKey final : public Signer {
 public:
  static Result<std::shared_ptr<const PrivateKey>> Generate(KeyType type);
  /// FromPkcs8 takes unencrypted PKCS#8 DER of an accepted type.
  static Result<std::shared_ptr<const PrivateKey>> FromPkcs8(const Secret& der);

  const PublicKey& public_key() const override;
  Result<Bytes> Sign(ByteView message) const override;
  /// ToPkcs8 gives unencrypted PKCS#8 DER (WL-15).
  Result<Secret> ToPkcs8() const;

  ~PrivateKey() override;
  struct Impl;
  explicit PrivateKey(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace signet::crypto
