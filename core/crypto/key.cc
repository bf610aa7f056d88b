#include "core/crypto/key.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <string>

#include "core/crypto/der.h"
#include "core/crypto/hash.h"
#include "core/crypto/key_impl.h"
#include "core/crypto/x509_parts.h"

namespace signet::crypto {
namespace {

constexpr std::size_t kMaxSpkiBytes = 1024;  // RSA-4096 takes 550
constexpr std::uint8_t kUncompressedPoint = 0x04;

struct TypeName {
  KeyType type;
  std::string_view name;
};
constexpr std::array kTypeNames = {
    TypeName{KeyType::kEcP256, "ec-p256"},   TypeName{KeyType::kEcP384, "ec-p384"},
    TypeName{KeyType::kRsa2048, "rsa-2048"}, TypeName{KeyType::kRsa3072, "rsa-3072"},
    TypeName{KeyType::kRsa4096, "rsa-4096"},
};

struct Curve {
  KeyType type;
  std::string_view oid;
  const char* group;
  std::size_t point_bytes;
};
constexpr Curve kCurves[] = {{KeyType::kEcP256, oid::kP256, "P-256", 65},
                             {KeyType::kEcP384, oid::kP384, "P-384", 97}};

/// A key without a key: setting a public point on a copy of it needs no decoder and no look-up of
/// the curve by name.
EVP_PKEY* MakeCurveTemplate(const char* group) {
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* parameters = nullptr;
  const bool made = EVP_PKEY_paramgen_init(context.get()) == 1 &&
                    EVP_PKEY_CTX_set_group_name(context.get(), group) == 1 &&
                    EVP_PKEY_paramgen(context.get(), &parameters) == 1;
  SIGNET_CHECK(made, "libcrypto does not know a standard curve");
  return parameters;
}

const EVP_PKEY* CurveTemplate(const Curve& curve) {
  static const EVP_PKEY* const p256 = MakeCurveTemplate("P-256");
  static const EVP_PKEY* const p384 = MakeCurveTemplate("P-384");
  return curve.type == KeyType::kEcP256 ? p256 : p384;
}

struct Spki {
  std::string_view algorithm;
  der::Reader parameters{ByteView()};
  ByteView key;
};

Result<Spki> ReadSpki(ByteView der) {
  if (der.size() > kMaxSpkiBytes) {
    return InvalidArgument("public key is longer than 1024 bytes");
  }
  der::Reader outer(der);
  SIGNET_TRY_ASSIGN(der::Reader spki, outer.Enter(der::kSequence));
  SIGNET_TRY(outer.Finish());
  Spki out;
  SIGNET_TRY_ASSIGN(out.parameters, spki.Enter(der::kSequence));
  SIGNET_TRY_ASSIGN(const der::Element bits, spki.Expect(der::kBitString));
  SIGNET_TRY(spki.Finish());
  SIGNET_TRY_ASSIGN(out.key, der::ReadBitString(bits.content));
  SIGNET_TRY_ASSIGN(out.algorithm, ReadOid(out.parameters));
  return out;
}

Result<const Curve*> ReadCurve(der::Reader parameters) {
  if (parameters.PeekTag() == der::kSequence) {
    return InvalidArgument("EC key spells out its curve; name one of P-256, P-384");
  }
  SIGNET_TRY_ASSIGN(const std::string_view name, ReadOid(parameters));
  SIGNET_TRY(parameters.Finish());
  for (const Curve& curve : kCurves) {
    if (curve.oid == name) {
      return &curve;
    }
  }
  return InvalidArgument("EC key is on an unsupported curve; use P-256 or P-384");
}

Status LoadEc(const Spki& spki, PublicKey::Impl& out) {
  SIGNET_TRY_ASSIGN(const Curve* const curve, ReadCurve(spki.parameters));
  if (spki.key.size() == 1 && spki.key[0] == 0) {
    return InvalidArgument("EC key is the point at infinity");
  }
  if (spki.key.size() != curve->point_bytes || spki.key[0] != kUncompressedPoint) {
    return InvalidArgument("EC key is not an uncompressed point of its curve's size");
  }
  out.type = curve->type;
  out.key.reset(EVP_PKEY_new());
  if (!out.key || EVP_PKEY_copy_parameters(out.key.get(), CurveTemplate(*curve)) != 1) {
    return OpenSslError("cannot set up an EC key");
  }
  if (EVP_PKEY_set1_encoded_public_key(out.key.get(), spki.key.data(), spki.key.size()) != 1) {
    DropOpenSslErrors();
    return InvalidArgument("EC key is a point off its curve");
  }
  return {};
}

Result<KeyType> RsaTypeOf(ByteView modulus) {
  if ((modulus.front() & 0x80) == 0 || (modulus.back() & 0x01) == 0) {
    return InvalidArgument("RSA modulus has an odd size or is even");
  }
  switch (modulus.size() * 8) {
    case 2048:
      return KeyType::kRsa2048;
    case 3072:
      return KeyType::kRsa3072;
    case 4096:
      return KeyType::kRsa4096;
    default:
      return InvalidArgument("RSA key has " + std::to_string(modulus.size() * 8) +
                             " bits; use 2048, 3072 or 4096");
  }
}

/// The exponent decides what a verification costs: a 3072-bit one takes 123 times as long
/// (security-reliability F5).
Result<ByteView> ReadRsaModulus(ByteView key) {
  der::Reader outer(key);
  SIGNET_TRY_ASSIGN(der::Reader numbers, outer.Enter(der::kSequence));
  SIGNET_TRY(outer.Finish());
  SIGNET_TRY_ASSIGN(const der::Element n, numbers.Expect(der::kInteger));
  SIGNET_TRY_ASSIGN(const der::Element e, numbers.Expect(der::kInteger));
  SIGNET_TRY(numbers.Finish());
  SIGNET_TRY_ASSIGN(const ByteView exponent, der::ReadUnsigned(e.content));
  static constexpr std::uint8_t k65537[] = {0x01, 0x00, 0x01};
  if (!Equal(exponent, k65537)) {
    return InvalidArgument("RSA exponent is not 65537");
  }
  return der::ReadUnsigned(n.content);
}

Status LoadRsa(Spki spki, PublicKey::Impl& out) {
  SIGNET_TRY_ASSIGN(const der::Element null, spki.parameters.Expect(der::kNull));
  SIGNET_TRY(spki.parameters.Finish());
  if (!null.content.empty()) {
    return InvalidArgument("RSA key has parameters");
  }
  SIGNET_TRY_ASSIGN(const ByteView modulus, ReadRsaModulus(spki.key));
  SIGNET_TRY_ASSIGN(out.type, RsaTypeOf(modulus));
  Bytes n(modulus.rbegin(), modulus.rend());  // OSSL_PARAM numbers are in the machine's order
  unsigned int e = 65537;
  static_assert(std::endian::native == std::endian::little);
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n.data(), n.size()),
                             OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &e),
                             OSSL_PARAM_construct_end()};
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    return OpenSslError("cannot set up an RSA key");
  }
  out.key.reset(key);
  return {};
}

}  // namespace

std::string_view KeyTypeName(KeyType type) {
  const auto* found = std::find_if(kTypeNames.begin(), kTypeNames.end(),
                                   [&](const TypeName& entry) { return entry.type == type; });
  SIGNET_CHECK(found != kTypeNames.end(), "key type without a name");
  return found->name;
}

Result<KeyType> ParseKeyType(std::string_view name) {
  for (const TypeName& entry : kTypeNames) {
    if (entry.name == name) {
      return entry.type;
    }
  }
  return InvalidArgument("key type \"" + std::string(name) +
                         "\" is unknown; use ec-p256, ec-p384, rsa-2048, rsa-3072 or rsa-4096");
}

SignatureAlgorithm DefaultSignatureAlgorithm(KeyType type) {
  switch (type) {
    case KeyType::kEcP256:
      return SignatureAlgorithm::kEcdsaSha256;
    case KeyType::kEcP384:
      return SignatureAlgorithm::kEcdsaSha384;
    case KeyType::kRsa2048:
    case KeyType::kRsa3072:
    case KeyType::kRsa4096:
      break;
  }
  return SignatureAlgorithm::kRsaSha256;
}

const EVP_MD* DigestFor(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kEcdsaSha256:
    case SignatureAlgorithm::kRsaSha256:
      return Sha256Digest();
    case SignatureAlgorithm::kEcdsaSha384:
    case SignatureAlgorithm::kRsaSha384:
      return Sha384Digest();
    case SignatureAlgorithm::kEcdsaSha512:
    case SignatureAlgorithm::kRsaSha512:
      break;
  }
  return Sha512Digest();
}

Digest HashFor(SignatureAlgorithm algorithm, ByteView message) {
  Digest out;
  const int done = EVP_Digest(message.data(), message.size(), out.bytes, &out.size,
                              DigestFor(algorithm), nullptr);
  SIGNET_CHECK(done == 1, "hashing failed");
  return out;
}

bool UsePkcs1(EVP_PKEY_CTX* context, const EVP_MD* digest) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
         EVP_PKEY_CTX_set_signature_md(context, digest) == 1;
}

Result<PublicKey> PublicKey::FromSpki(ByteView der) {
  auto impl = std::make_shared<Impl>();
  SIGNET_TRY_ASSIGN(const Spki spki, ReadSpki(der));
  if (spki.algorithm == oid::kEcPublicKey) {
    SIGNET_TRY(LoadEc(spki, *impl));
  } else if (spki.algorithm == oid::kRsa) {
    SIGNET_TRY(LoadRsa(spki, *impl));
  } else {
    return InvalidArgument("public key is neither EC nor RSA");
  }
  impl->spki = ToBytes(der);
  const auto key_id = Sha1(spki.key);
  impl->subject_key_id = Bytes(key_id.begin(), key_id.end());
  return PublicKey(std::move(impl));
}

KeyType PublicKey::type() const { return impl_->type; }
const Bytes& PublicKey::spki() const { return impl_->spki; }
const Bytes& PublicKey::subject_key_id() const { return impl_->subject_key_id; }

Status PublicKey::Verify(SignatureAlgorithm algorithm, ByteView message, ByteView signature) const {
  const bool rsa = impl_->type != KeyType::kEcP256 && impl_->type != KeyType::kEcP384;
  if (rsa != IsRsaSignature(algorithm)) {
    return PermissionDenied("signature algorithm does not belong to the type of the key");
  }
  const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->key.get(), nullptr));
  if (!context || EVP_PKEY_verify_init(context.get()) != 1 ||
      (rsa && !UsePkcs1(context.get(), DigestFor(algorithm)))) {
    return OpenSslError("cannot set up a verification");
  }
  const Digest digest = HashFor(algorithm, message);
  if (EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.bytes,
                      digest.size) != 1) {
    DropOpenSslErrors();
    return PermissionDenied("signature does not fit the key");
  }
  return {};
}

}  // namespace signet::crypto
