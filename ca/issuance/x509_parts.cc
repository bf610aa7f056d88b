#include "ca/issuance/x509_parts.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/crypto/der.h"

namespace signet::issuance::parts {
namespace {

namespace der = crypto::der;

constexpr std::uint8_t kVersionField = 0xa0;     // [0] EXPLICIT
constexpr std::uint8_t kExtensionsField = 0xa3;  // [3] EXPLICIT
constexpr std::uint8_t kEmail = 0x81;            // [1] IMPLICIT IA5String
constexpr std::uint8_t kDnsName = 0x82;          // [2] IMPLICIT IA5String
constexpr std::uint8_t kUri = 0x86;              // [6] IMPLICIT IA5String
constexpr std::uint8_t kIpAddress = 0x87;        // [7] IMPLICIT OCTET STRING
constexpr std::uint8_t kKeyIdField = 0x80;       // [0] IMPLICIT OCTET STRING
constexpr std::uint8_t kPermittedField = 0xa0;   // [0] IMPLICIT SEQUENCE OF
constexpr std::uint8_t kExcludedField = 0xa1;    // [1] IMPLICIT SEQUENCE OF
constexpr std::string_view kCommonNameOid = "2.5.4.3";

// Decimal of a big-endian number: divides it by 10^9 until nothing is left.
std::string Decimal(const std::array<std::uint8_t, 16>& number) {
  std::array<std::uint32_t, 4> limbs{};
  for (std::size_t i = 0; i < number.size(); ++i) {
    limbs[i / 4] = limbs[i / 4] << 8 | number[i];
  }
  std::string digits;  // least significant first
  while (std::any_of(limbs.begin(), limbs.end(), [](auto limb) { return limb != 0; })) {
    std::uint64_t remainder = 0;
    for (auto& limb : limbs) {
      const std::uint64_t value = remainder << 32 | limb;
      limb = static_cast<std::uint32_t>(value / 1'000'000'000);
      remainder = value % 1'000'000'000;
    }
    for (int i = 0; i < 9; ++i, remainder /= 10) {
      digits.push_back(static_cast<char>('0' + remainder % 10));
    }
  }
  digits.erase(digits.find_last_not_of('0') + 1);
  return {digits.rbegin(), digits.rend()};
}

bool IsPrintable(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(" '()+,-./:=?").find(c) != std::string_view::npos;
}

// One RelativeDistinguishedName: PrintableString where the text allows it, else UTF8String.
Bytes Rdn(std::string_view oid, std::string_view value) {
  const bool printable = std::all_of(value.begin(), value.end(), IsPrintable);
  const auto tag = printable ? der::kPrintableString : der::kUtf8String;
  return der::Tlv(der::kSet, der::Sequence({der::Oid(oid), der::Tlv(tag, AsBytes(value))}));
}

Bytes Extension(std::string_view oid, bool critical, ByteView value) {
  static constexpr std::uint8_t kTrue[] = {der::kBoolean, 1, 0xff};
  return der::Sequence(
      {der::Oid(oid), critical ? ByteView(kTrue) : ByteView(), der::Tlv(der::kOctetString, value)});
}

Bytes Time(SystemTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto days = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(seconds - days);
  const int year = static_cast<int>(date.year());
  const bool utc_time = year >= 1950 && year < 2050;
  char text[32];
  const int size = std::snprintf(
      text, sizeof(text), "%04d%02u%02u%02d%02d%02dZ", year, static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  const std::string_view whole(text, static_cast<std::size_t>(size));
  return utc_time ? der::Tlv(der::kUtcTime, AsBytes(whole.substr(2)))
                  : der::Tlv(der::kGeneralizedTime, AsBytes(whole));
}

Result<bool> HoldsCommonName(ByteView rdn_content) {
  static const Bytes common_name = der::Oid(kCommonNameOid);
  der::Reader attributes(rdn_content);
  bool holds = false;
  while (!attributes.AtEnd()) {
    SIGNET_TRY_ASSIGN(der::Reader attribute, attributes.Enter(der::kSequence));
    SIGNET_TRY_ASSIGN(const der::Element type, attribute.Expect(der::kOid));
    holds = holds || Equal(type.whole, common_name);
  }
  return holds;
}

}  // namespace

Serial NewSerial(Random& random) {
  std::array<std::uint8_t, 16> number{};
  while (std::all_of(number.begin(), number.end(), [](auto byte) { return byte == 0; })) {
    random.Fill(number);
  }
  return {.der = der::Unsigned(number), .decimal = Decimal(number)};
}

Bytes SignatureAlgorithm(crypto::KeyType type) {
  switch (crypto::DefaultSignatureAlgorithm(type)) {
    case crypto::SignatureAlgorithm::kEcdsaSha256:
      return der::Sequence({der::Oid("1.2.840.10045.4.3.2")});
    case crypto::SignatureAlgorithm::kEcdsaSha384:
      return der::Sequence({der::Oid("1.2.840.10045.4.3.3")});
    case crypto::SignatureAlgorithm::kRsaSha256:
      return der::Sequence({der::Oid("1.2.840.113549.1.1.11"), der::Tlv(der::kNull, {})});
    default:
      SIGNET_CHECK(false, "a key type signs with an algorithm that issuance does not know");
  }
}

Bytes Name(const SubjectName& name, std::string_view serial_number) {
  Bytes rdns;
  const auto add = [&rdns](std::string_view oid, std::string_view value) {
    if (!value.empty()) {
      Append(rdns, Rdn(oid, value));
    }
  };
  add("2.5.4.6", name.country);
  add("2.5.4.10", name.organization);
  add(kCommonNameOid, name.common_name);
  add("2.5.4.5", serial_number);
  return der::Sequence({rdns});
}

Result<Bytes> WithCommonName(ByteView name, std::string_view common_name) {
  der::Reader outer(name);
  SIGNET_TRY_ASSIGN(der::Reader rdns, outer.Enter(der::kSequence));
  SIGNET_TRY(outer.Finish());
  Bytes kept;
  while (!rdns.AtEnd()) {
    SIGNET_TRY_ASSIGN(const der::Element rdn, rdns.Expect(der::kSet));
    SIGNET_TRY_ASSIGN(const bool replaced, HoldsCommonName(rdn.content));
    if (!replaced) {
      Append(kept, rdn.whole);
    }
  }
  return der::Sequence({kept, Rdn(kCommonNameOid, common_name)});
}

Bytes Validity(SystemTime not_before, SystemTime not_after) {
  return der::Sequence({Time(not_before), Time(not_after)});
}

Bytes CaKeyUsage() {
  static constexpr std::uint8_t kBits[] = {der::kBitString, 2, 1, 0x06};
  return Extension("2.5.29.15", true, kBits);
}

Bytes LeafKeyUsage() {
  static constexpr std::uint8_t kBits[] = {der::kBitString, 2, 3, 0xa8};
  return Extension("2.5.29.15", true, kBits);
}

Bytes ServerAndClientAuth() {
  return Extension("2.5.29.37", false,
                   der::Sequence({der::Oid("1.3.6.1.5.5.7.3.1"), der::Oid("1.3.6.1.5.5.7.3.2")}));
}

Bytes CaBasicConstraints(std::optional<int> path_length) {
  static constexpr std::uint8_t kTrue[] = {der::kBoolean, 1, 0xff};
  Bytes length;
  if (path_length) {
    const auto number = static_cast<std::uint8_t>(*path_length);
    length = der::Unsigned(ByteView(&number, 1));
  }
  return Extension("2.5.29.19", true, der::Sequence({kTrue, length}));
}

Bytes LeafBasicConstraints() {
  static constexpr std::uint8_t kEmpty[] = {der::kSequence, 0};
  return Extension("2.5.29.19", true, kEmpty);
}

Bytes SubjectKeyId(ByteView key_id) {
  return Extension("2.5.29.14", false, der::Tlv(der::kOctetString, key_id));
}

Bytes AuthorityKeyId(ByteView key_id) {
  return Extension("2.5.29.35", false, der::Sequence({der::Tlv(kKeyIdField, key_id)}));
}

Bytes UriHostConstraints(std::string_view host, std::string_view excluded_host) {
  static constexpr std::string_view kNobody = "invalid";
  // An address and its mask: 0.0.0.0/0 and ::/0.
  static constexpr std::array<std::uint8_t, 8> kAnyIpv4{};
  static constexpr std::array<std::uint8_t, 32> kAnyIpv6{};
  const auto subtree = [](std::uint8_t kind, ByteView base) {
    return der::Sequence({der::Tlv(kind, base)});
  };
  const Bytes permitted =
      der::Join({subtree(kUri, AsBytes(host)), subtree(kDnsName, AsBytes(kNobody)),
                 subtree(kEmail, AsBytes(kNobody))});
  Bytes excluded = der::Join({subtree(kIpAddress, kAnyIpv4), subtree(kIpAddress, kAnyIpv6)});
  if (!excluded_host.empty()) {
    Append(excluded, subtree(kUri, AsBytes(excluded_host)));
  }
  return Extension(
      "2.5.29.30", true,
      der::Sequence({der::Tlv(kPermittedField, permitted), der::Tlv(kExcludedField, excluded)}));
}

Bytes SubjectAltName(const std::vector<std::string>& dns_names, std::string_view uri) {
  Bytes names;
  for (const auto& dns_name : dns_names) {
    Append(names, der::Tlv(kDnsName, AsBytes(dns_name)));
  }
  Append(names, der::Tlv(kUri, AsBytes(uri)));
  return Extension("2.5.29.17", false, der::Sequence({names}));
}

Bytes Tbs(const TbsParts& tbs) {
  static constexpr std::uint8_t kVersion3[] = {kVersionField, 3, der::kInteger, 1, 2};
  Bytes extensions;
  for (const ByteView extension : tbs.extensions) {
    Append(extensions, extension);
  }
  return der::Sequence({kVersion3, tbs.serial, tbs.algorithm, tbs.issuer, tbs.validity, tbs.subject,
                        tbs.spki, der::Tlv(kExtensionsField, der::Sequence({extensions}))});
}

Result<Bytes> SignTbs(const crypto::Signer& key, ByteView tbs, ByteView algorithm) {
  SIGNET_TRY_ASSIGN(const Bytes signature, key.Sign(tbs));
  return der::Sequence({tbs, algorithm, der::BitString(signature)});
}

}  // namespace signet::issuance::parts
