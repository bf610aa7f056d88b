#include "core/crypto/csr.h"

#include "core/crypto/der.h"
#include "core/crypto/x509_parts.h"

namespace signet::crypto {
namespace {

constexpr std::uint8_t kAttributes = 0xa0;  // [0] IMPLICIT SET OF Attribute
constexpr std::size_t kMaxAttributes = 16;

/// The parts of CertificationRequest (RFC 2986 §4), not yet proven.
struct Parts {
  ByteView info;
  ByteView subject;
  ByteView spki;
  AltNames names;
  SignatureAlgorithm algorithm = SignatureAlgorithm::kEcdsaSha256;
  ByteView signature;
};

Status ReadExtensionRequest(der::Reader values, AltNames& names) {
  SIGNET_TRY_ASSIGN(const der::Reader extensions, values.Enter(der::kSequence));
  SIGNET_TRY(values.Finish());
  return ParseExtensions(extensions, [&names](const Extension& extension) -> Status {
    if (extension.oid == oid::kSubjectAltName) {
      SIGNET_TRY_ASSIGN(names, ParseAltNames(extension.value));
    }
    return {};
  });
}

Status ReadAttributes(der::Reader attributes, AltNames& names) {
  bool requested = false;
  for (std::size_t count = 0; !attributes.AtEnd(); ++count) {
    if (count == kMaxAttributes) {
      return InvalidArgument("more than 16 attributes");
    }
    SIGNET_TRY_ASSIGN(der::Reader attribute, attributes.Enter(der::kSequence));
    SIGNET_TRY_ASSIGN(const std::string_view type, ReadOid(attribute));
    SIGNET_TRY_ASSIGN(const der::Reader values, attribute.Enter(der::kSet));
    SIGNET_TRY(attribute.Finish());
    if (type != oid::kExtensionRequest) {
      continue;
    }
    if (requested) {
      return InvalidArgument("extensions are requested twice");
    }
    requested = true;
    SIGNET_TRY(ReadExtensionRequest(values, names));
  }
  return {};
}

Status ReadInfo(der::Reader info, Parts& out) {
  SIGNET_TRY_ASSIGN(const der::Element version, info.Expect(der::kInteger));
  SIGNET_TRY_ASSIGN(const std::int64_t number, der::ReadSmallInteger(version.content));
  if (number != 0) {
    return InvalidArgument("version is not 1");
  }
  SIGNET_TRY_ASSIGN(const der::Element subject, info.Expect(der::kSequence));
  SIGNET_TRY(CheckName(subject));
  out.subject = subject.whole;
  SIGNET_TRY_ASSIGN(const der::Element spki, info.Expect(der::kSequence));
  out.spki = spki.whole;
  // RFC 2986 wants the attributes, empty if need be; widespread writers leave them out.
  SIGNET_TRY_ASSIGN(const auto attributes, info.Optional(kAttributes));
  if (attributes) {
    SIGNET_TRY(ReadAttributes(der::Reader(attributes->content), out.names));
  }
  return info.Finish();
}

Result<Parts> ReadParts(ByteView der) {
  der::Reader outer(der);
  SIGNET_TRY_ASSIGN(der::Reader request, outer.Enter(der::kSequence));
  SIGNET_TRY(outer.Finish());
  Parts parts;
  SIGNET_TRY_ASSIGN(const der::Element info, request.Expect(der::kSequence));
  parts.info = info.whole;
  SIGNET_TRY(ReadInfo(der::Reader(info.content), parts));
  SIGNET_TRY_ASSIGN(const der::Element algorithm, request.Expect(der::kSequence));
  SIGNET_TRY_ASSIGN(parts.algorithm, ParseSignatureAlgorithm(algorithm));
  SIGNET_TRY_ASSIGN(const der::Element signature, request.Expect(der::kBitString));
  SIGNET_TRY(request.Finish());
  SIGNET_TRY_ASSIGN(parts.signature, der::ReadBitString(signature.content));
  return parts;
}

/// The attributes of a request: one extensionRequest with the names, or an empty set.
Bytes WriteAttributes(const CsrRequest& request) {
  if (request.uri_sans.empty() && request.dns_sans.empty()) {
    return der::Tlv(kAttributes, {});
  }
  const Bytes names = WriteAltNames(request.uri_sans, request.dns_sans);
  const Bytes extension = der::Sequence(
      {der::Tlv(der::kOid, AsBytes(oid::kSubjectAltName)), der::Tlv(der::kOctetString, names)});
  const Bytes extensions = der::Sequence({extension});
  const Bytes attribute = der::Sequence(
      {der::Tlv(der::kOid, AsBytes(oid::kExtensionRequest)), der::Tlv(der::kSet, extensions)});
  return der::Tlv(kAttributes, attribute);
}

Bytes NameAttribute(std::string_view oid, std::string_view value) {
  return der::Tlv(der::kSet,
                  der::Sequence({der::Oid(oid), der::Tlv(der::kPrintableString, AsBytes(value))}));
}

}  // namespace

Result<Csr> ParseCsr(ByteView der) {
  if (der.size() > kMaxCsrBytes) {
    return InvalidArgument("CSR is " + std::to_string(der.size()) + " bytes long; at most " +
                           std::to_string(kMaxCsrBytes) + " are allowed");
  }
  SIGNET_TRY_ASSIGN(Parts parts, ReadParts(der).Context("malformed CSR"));
  SIGNET_TRY_ASSIGN(PublicKey key, PublicKey::FromSpki(parts.spki).Context("CSR key refused"));
  const Status proven = key.Verify(parts.algorithm, parts.info, parts.signature);
  if (proven.code() == Code::kPermissionDenied) {
    return InvalidArgument("CSR signature does not fit its key");
  }
  SIGNET_TRY(proven);
  return Csr{std::move(key), ToBytes(parts.subject), std::move(parts.names.uris),
             std::move(parts.names.dns)};
}

Result<Bytes> BuildCsr(const Signer& signer, const CsrRequest& request) {
  const Bytes version = der::Tlv(der::kInteger, Bytes{0});
  const Bytes subject =
      der::Sequence({NameAttribute("2.5.4.6", "US"), NameAttribute("2.5.4.10", "SPIRE")});
  const PublicKey& key = signer.public_key();
  const Bytes info = der::Sequence({version, subject, key.spki(), WriteAttributes(request)});
  SIGNET_TRY_ASSIGN(const Bytes signature, signer.Sign(info));
  return der::Sequence({info, AlgorithmIdentifier(DefaultSignatureAlgorithm(key.type())),
                        der::BitString(signature)});
}

}  // namespace signet::crypto
