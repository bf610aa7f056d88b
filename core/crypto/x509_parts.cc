#include "core/crypto/x509_parts.h"

#include <algorithm>
#include <array>

namespace signet::crypto {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kMaxNameBytes = 2048;
constexpr std::size_t kMaxExtensions = 64;
constexpr std::uint8_t kDnsName = 0x82;  // GeneralName [2], [6]: context-specific, primitive
constexpr std::uint8_t kUri = 0x86;

/// The whole AlgorithmIdentifier of each signature algorithm: ECDSA has no parameters, RSA a NULL
/// (RFC 5758, 4055).
constexpr std::array kSignatureAlgorithms = {
    std::pair{SignatureAlgorithm::kEcdsaSha256,
              "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"sv},
    std::pair{SignatureAlgorithm::kEcdsaSha384,
              "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"sv},
    std::pair{SignatureAlgorithm::kEcdsaSha512,
              "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04"sv},
    std::pair{SignatureAlgorithm::kRsaSha256,
              "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00"sv},
    std::pair{SignatureAlgorithm::kRsaSha384,
              "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00"sv},
    std::pair{SignatureAlgorithm::kRsaSha512,
              "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00"sv},
};

bool IsPrintableAscii(ByteView text) {
  return std::all_of(text.begin(), text.end(),
                     [](std::uint8_t c) { return c >= 0x20 && c < 0x7f; });
}

Status CheckAttribute(der::Reader& attributes) {
  SIGNET_TRY_ASSIGN(der::Reader attribute, attributes.Enter(der::kSequence));
  SIGNET_TRY(ReadOid(attribute));
  SIGNET_TRY_ASSIGN(const der::Element value, attribute.Next());
  if (value.tag == der::kBitString) {
    SIGNET_TRY(der::ReadBitString(value.content));
  }
  return attribute.Finish();
}

}  // namespace

Result<std::string_view> ReadOid(der::Reader& reader) {
  SIGNET_TRY_ASSIGN(const der::Element element, reader.Expect(der::kOid));
  bool first_of_arc = true;
  for (const std::uint8_t byte : element.content) {
    if (first_of_arc && byte == 0x80) {
      return InvalidArgument("DER object identifier is not minimal");
    }
    first_of_arc = (byte & 0x80) == 0;
  }
  if (element.content.empty() || !first_of_arc) {
    return InvalidArgument("DER object identifier is empty or unfinished");
  }
  return AsText(element.content);
}

ByteView AlgorithmIdentifier(SignatureAlgorithm algorithm) {
  const auto* found = std::find_if(kSignatureAlgorithms.begin(), kSignatureAlgorithms.end(),
                                   [&](const auto& entry) { return entry.first == algorithm; });
  SIGNET_CHECK(found != kSignatureAlgorithms.end(), "signature algorithm without identifier");
  return AsBytes(found->second);
}

Result<SignatureAlgorithm> ParseSignatureAlgorithm(const der::Element& algorithm) {
  for (const auto& [known, der] : kSignatureAlgorithms) {
    if (AsText(algorithm.whole) == der) {
      return known;
    }
  }
  return InvalidArgument(
      "signature algorithm is not ECDSA or RSA PKCS#1 v1.5 with SHA-256, SHA-384 or SHA-512");
}

bool IsRsaSignature(SignatureAlgorithm algorithm) {
  return algorithm == SignatureAlgorithm::kRsaSha256 ||
         algorithm == SignatureAlgorithm::kRsaSha384 || algorithm == SignatureAlgorithm::kRsaSha512;
}

Status CheckName(const der::Element& name) {
  if (name.whole.size() > kMaxNameBytes) {
    return InvalidArgument("name is longer than 2048 bytes");
  }
  der::Reader rdns(name.content);
  while (!rdns.AtEnd()) {
    SIGNET_TRY_ASSIGN(der::Reader attributes, rdns.Enter(der::kSet));
    do {
      SIGNET_TRY(CheckAttribute(attributes));
    } while (!attributes.AtEnd());
  }
  return {};
}

Result<AltNames> ParseAltNames(ByteView value) {
  der::Reader outer(value);
  SIGNET_TRY_ASSIGN(der::Reader names, outer.Enter(der::kSequence));
  SIGNET_TRY(outer.Finish());
  if (names.AtEnd()) {
    return InvalidArgument("subject alternative names are empty");
  }
  AltNames out;
  while (!names.AtEnd()) {
    SIGNET_TRY_ASSIGN(const der::Element name, names.Next());
    if (name.tag != kUri && name.tag != kDnsName) {
      continue;
    }
    if (name.content.empty() || !IsPrintableAscii(name.content)) {
      return InvalidArgument("a URI or DNS name is empty or not printable ASCII");
    }
    (name.tag == kUri ? out.uris : out.dns).push_back(ToString(name.content));
  }
  return out;
}

Bytes WriteAltNames(const std::vector<std::string>& uris, const std::vector<std::string>& dns) {
  Bytes names;
  for (const std::string& name : dns) {
    Append(names, der::Tlv(kDnsName, AsBytes(name)));
  }
  for (const std::string& uri : uris) {
    Append(names, der::Tlv(kUri, AsBytes(uri)));
  }
  return der::Tlv(der::kSequence, names);
}

Status ParseExtensions(der::Reader extensions,
                       const std::function<Status(const Extension& extension)>& visit) {
  std::vector<std::string_view> seen;
  while (!extensions.AtEnd()) {
    SIGNET_TRY_ASSIGN(der::Reader fields, extensions.Enter(der::kSequence));
    Extension extension;
    SIGNET_TRY_ASSIGN(extension.oid, ReadOid(fields));
    SIGNET_TRY_ASSIGN(const auto critical, fields.Optional(der::kBoolean));
    if (critical) {
      SIGNET_TRY_ASSIGN(extension.critical, der::ReadBoolean(critical->content));
      if (!extension.critical) {
        return InvalidArgument("an extension spells out its default criticality");
      }
    }
    SIGNET_TRY_ASSIGN(const der::Element value, fields.Expect(der::kOctetString));
    extension.value = value.content;
    SIGNET_TRY(fields.Finish());
    if (std::find(seen.begin(), seen.end(), extension.oid) != seen.end()) {
      return InvalidArgument("an extension appears twice");
    }
    if (seen.size() == kMaxExtensions) {
      return InvalidArgument("more than 64 extensions");
    }
    seen.push_back(extension.oid);
    SIGNET_TRY(visit(extension));
  }
  return {};
}

}  // namespace signet::crypto
