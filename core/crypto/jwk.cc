#include "core/crypto/jwk.h"

#include "core/base/encoding.h"
#include "core/crypto/der.h"
#include "core/crypto/x509_parts.h"

namespace signet::crypto {
namespace {

constexpr std::size_t kMaxKeyBytes = 4096;
constexpr std::uint8_t kUncompressedPoint = 0x04;

struct Curve {
  std::string_view name;
  std::string_view oid;
  std::size_t coordinate_bytes;
};
constexpr Curve kCurves[] = {
    {"P-256", oid::kP256, 32}, {"P-384", oid::kP384, 48}, {"P-521", oid::kP521, 66}};

Result<JwkKey> EcJwk(der::Reader parameters, ByteView point) {
  SIGNET_TRY_ASSIGN(const std::string_view name, ReadOid(parameters));
  SIGNET_TRY(parameters.Finish());
  for (const Curve& curve : kCurves) {
    const std::size_t size = curve.coordinate_bytes;
    if (curve.oid == name && point.size() == 1 + 2 * size && point[0] == kUncompressedPoint) {
      return JwkKey{.kty = "EC",
                    .crv = std::string(curve.name),
                    .x = Base64UrlEncode(point.subspan(1, size)),
                    .y = Base64UrlEncode(point.subspan(1 + size))};
    }
  }
  return InvalidArgument("EC key is on an unknown curve or not an uncompressed point");
}

Result<JwkKey> RsaJwk(der::Reader parameters, ByteView key) {
  SIGNET_TRY_ASSIGN(const der::Element null, parameters.Expect(der::kNull));
  SIGNET_TRY(parameters.Finish());
  der::Reader outer(key);
  SIGNET_TRY_ASSIGN(der::Reader numbers, outer.Enter(der::kSequence));
  SIGNET_TRY(outer.Finish());
  SIGNET_TRY_ASSIGN(const der::Element n, numbers.Expect(der::kInteger));
  SIGNET_TRY_ASSIGN(const der::Element e, numbers.Expect(der::kInteger));
  SIGNET_TRY(numbers.Finish());
  SIGNET_TRY_ASSIGN(const ByteView modulus, der::ReadUnsigned(n.content));
  SIGNET_TRY_ASSIGN(const ByteView exponent, der::ReadUnsigned(e.content));
  if (!null.content.empty()) {
    return InvalidArgument("RSA key has parameters");
  }
  return JwkKey{.kty = "RSA", .n = Base64UrlEncode(modulus), .e = Base64UrlEncode(exponent)};
}

Bytes SpkiOf(std::string_view algorithm, const Bytes& parameters, const Bytes& key) {
  return der::Sequence(
      {der::Sequence({der::Tlv(der::kOid, AsBytes(algorithm)), parameters}), der::BitString(key)});
}

Result<Bytes> EcSpki(const JwkKey& jwk) {
  SIGNET_TRY_ASSIGN(const Bytes x, Base64UrlDecode(jwk.x));
  SIGNET_TRY_ASSIGN(const Bytes y, Base64UrlDecode(jwk.y));
  for (const Curve& curve : kCurves) {
    if (curve.name != jwk.crv) {
      continue;
    }
    if (x.size() != curve.coordinate_bytes || y.size() != curve.coordinate_bytes) {
      return InvalidArgument("EC coordinates are not of the curve's size");
    }
    const Bytes point = der::Join({Bytes{kUncompressedPoint}, x, y});
    Bytes spki = SpkiOf(oid::kEcPublicKey, der::Tlv(der::kOid, AsBytes(curve.oid)), point);
    if (curve.oid != oid::kP521) {
      SIGNET_TRY(PublicKey::FromSpki(spki));  // is the point on the curve?
    }
    return spki;
  }
  return InvalidArgument("EC key is on an unknown curve");
}

Result<Bytes> RsaNumber(std::string_view base64) {
  SIGNET_TRY_ASSIGN(Bytes number, Base64UrlDecode(base64));
  if (number.empty() || number.front() == 0) {
    return InvalidArgument("RSA number is empty or has leading zeros");
  }
  return number;
}

Result<Bytes> RsaSpki(const JwkKey& jwk) {
  SIGNET_TRY_ASSIGN(const Bytes n, RsaNumber(jwk.n));
  SIGNET_TRY_ASSIGN(const Bytes e, RsaNumber(jwk.e));
  return SpkiOf(oid::kRsa, der::Tlv(der::kNull, {}),
                der::Sequence({der::Unsigned(n), der::Unsigned(e)}));
}

}  // namespace

Result<JwkKey> JwkFromSpki(ByteView spki) {
  if (spki.size() > kMaxKeyBytes) {
    return InvalidArgument("public key is longer than 4096 bytes");
  }
  der::Reader outer(spki);
  SIGNET_TRY_ASSIGN(der::Reader fields, outer.Enter(der::kSequence));
  SIGNET_TRY(outer.Finish());
  SIGNET_TRY_ASSIGN(der::Reader parameters, fields.Enter(der::kSequence));
  SIGNET_TRY_ASSIGN(const der::Element bits, fields.Expect(der::kBitString));
  SIGNET_TRY(fields.Finish());
  SIGNET_TRY_ASSIGN(const ByteView key, der::ReadBitString(bits.content));
  SIGNET_TRY_ASSIGN(const std::string_view algorithm, ReadOid(parameters));
  if (algorithm == oid::kEcPublicKey) {
    return EcJwk(parameters, key);
  }
  if (algorithm == oid::kRsa) {
    return RsaJwk(parameters, key);
  }
  return InvalidArgument("public key is neither EC nor RSA");
}

Result<Bytes> SpkiFromJwk(const JwkKey& jwk) {
  if (jwk.kty == "EC") {
    return EcSpki(jwk);
  }
  if (jwk.kty == "RSA") {
    return RsaSpki(jwk);
  }
  return InvalidArgument("key type is neither EC nor RSA");
}

}  // namespace signet::crypto
