#pragma once

// Private to core/crypto: the pieces that certificates and certificate requests share.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/crypto/der.h"
#include "core/crypto/key.h"

namespace signet::crypto {

/// Contents (without tag and length) of the object identifiers used here.
namespace oid {
using namespace std::string_view_literals;
inline constexpr auto kEcPublicKey = "\x2a\x86\x48\xce\x3d\x02\x01"sv;
inline constexpr auto kP256 = "\x2a\x86\x48\xce\x3d\x03\x01\x07"sv;
inline constexpr auto kP384 = "\x2b\x81\x04\x00\x22"sv;
inline constexpr auto kP521 = "\x2b\x81\x04\x00\x23"sv;
inline constexpr auto kRsa = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"sv;
inline constexpr auto kExtensionRequest = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"sv;
inline constexpr auto kSubjectKeyId = "\x55\x1d\x0e"sv;
inline constexpr auto kKeyUsage = "\x55\x1d\x0f"sv;
inline constexpr auto kSubjectAltName = "\x55\x1d\x11"sv;
inline constexpr auto kBasicConstraints = "\x55\x1d\x13"sv;
inline constexpr auto kNameConstraints = "\x55\x1d\x1e"sv;
inline constexpr auto kAuthorityKeyId = "\x55\x1d\x23"sv;
inline constexpr auto kExtendedKeyUsage = "\x55\x1d\x25"sv;
inline constexpr auto kAnyEku = "\x55\x1d\x25\x00"sv;
inline constexpr auto kServerAuth = "\x2b\x06\x01\x05\x05\x07\x03\x01"sv;
inline constexpr auto kClientAuth = "\x2b\x06\x01\x05\x05\x07\x03\x02"sv;
}  // namespace oid

/// ReadOid expects an object identifier and gives its content, checked to be well formed.
Result<std::string_view> ReadOid(der::Reader& reader);

/// ParseSignatureAlgorithm takes an AlgorithmIdentifier, whole. Anything but the six of
/// SignatureAlgorithm is refused.
Result<SignatureAlgorithm> ParseSignatureAlgorithm(const der::Element& algorithm);

/// IsRsaSignature tells the family of a signature algorithm.
bool IsRsaSignature(SignatureAlgorithm algorithm);

/// CheckName walks a Name (SEQUENCE OF SET OF attribute), at most 2 KiB: it may be copied into what
/// we sign.
Status CheckName(const der::Element& name);

struct AltNames {
  std::vector<std::string> uris;
  std::vector<std::string> dns;
};

/// ParseAltNames takes the value of a subjectAltName extension. Names of other kinds are passed
/// over (X509-03); URI and DNS names must be printable ASCII, so that no embedded NUL ends one
/// early.
Result<AltNames> ParseAltNames(ByteView value);

/// WriteAltNames gives the value of a subjectAltName extension, DNS names first.
Bytes WriteAltNames(const std::vector<std::string>& uris, const std::vector<std::string>& dns);

struct Extension {
  std::string_view oid;
  bool critical = false;
  ByteView value;
};

/// ParseExtensions calls visit for each member of an Extensions sequence's inside. A second
/// extension with the same identifier is an error.
Status ParseExtensions(der::Reader extensions,
                       const std::function<Status(const Extension& extension)>& visit);

}  // namespace signet::crypto
