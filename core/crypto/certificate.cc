#include "core/crypto/certificate.h"

#include <algorithm>
#include <chrono>

#include "core/crypto/der.h"
#include "core/crypto/x509_parts.h"

namespace signet::crypto {
namespace {

constexpr std::size_t kMaxCertificateBytes = 16 * 1024;
constexpr std::size_t kMaxCertificates = 64;
constexpr std::size_t kMaxSerialBytes = 20;  // RFC 5280 §4.1.2.2
constexpr std::uint8_t kVersion = 0xa0;
constexpr std::uint8_t kIssuerUniqueId = 0x81;
constexpr std::uint8_t kSubjectUniqueId = 0x82;
constexpr std::uint8_t kExtensions = 0xa3;
constexpr std::uint8_t kAuthorityKeyIdField = 0x80;

/// Decimal turns a big-endian magnitude into decimal digits.
std::string Decimal(ByteView magnitude) {
  std::vector<int> digits = {0};  // least significant first
  for (const std::uint8_t byte : magnitude) {
    int carry = byte;
    for (int& digit : digits) {
      carry += digit * 256;
      digit = carry % 10;
      carry /= 10;
    }
    for (; carry != 0; carry /= 10) {
      digits.push_back(carry % 10);
    }
  }
  std::string text;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
    text.push_back(static_cast<char>('0' + *digit));
  }
  return text;
}

/// SystemTime counts nanoseconds and ends in 2262, certificates in 9999: what lies outside becomes
/// the end.
SystemTime ClampedTime(std::chrono::sys_seconds time) {
  using std::chrono::floor;
  using std::chrono::seconds;
  constexpr auto kFirst = std::chrono::ceil<seconds>(SystemTime::min());
  constexpr auto kLast = floor<seconds>(SystemTime::max());
  return SystemTime(std::clamp(time, kFirst, kLast).time_since_epoch());
}

Result<unsigned> TwoDigits(std::string_view text, std::size_t at) {
  const char tens = text[at];
  const char ones = text[at + 1];
  if (tens < '0' || tens > '9' || ones < '0' || ones > '9') {
    return InvalidArgument("time has a character that is no digit");
  }
  return static_cast<unsigned>((tens - '0') * 10 + (ones - '0'));
}

/// ParseTime takes YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ (RFC 5280 §4.1.2.5), nothing else.
Result<SystemTime> ParseTime(const der::Element& element) {
  const bool utc = element.tag == der::kUtcTime;
  std::string_view text = AsText(element.content);
  if ((!utc && element.tag != der::kGeneralizedTime) || text.size() != (utc ? 13U : 15U) ||
      text.back() != 'Z') {
    return InvalidArgument("time is neither UTCTime nor GeneralizedTime in seconds and Z");
  }
  unsigned century = 0;
  if (!utc) {
    SIGNET_TRY_ASSIGN(century, TwoDigits(text, 0));
    text.remove_prefix(2);
  }
  unsigned fields[6] = {};  // year, month, day, hour, minute, second
  for (std::size_t i = 0; i < 6; ++i) {
    SIGNET_TRY_ASSIGN(fields[i], TwoDigits(text, 2 * i));
  }
  if (utc) {
    century = fields[0] >= 50 ? 19 : 20;
  }
  const std::chrono::year_month_day date(
      std::chrono::year(static_cast<int>(century * 100 + fields[0])), std::chrono::month(fields[1]),
      std::chrono::day(fields[2]));
  if (!date.ok() || fields[3] > 23 || fields[4] > 59 || fields[5] > 59) {
    return InvalidArgument("time is not in the calendar");
  }
  return ClampedTime(std::chrono::sys_days(date) + std::chrono::hours(fields[3]) +
                     std::chrono::minutes(fields[4]) + std::chrono::seconds(fields[5]));
}

Status ReadBasicConstraints(ByteView value, Certificate& out) {
  der::Reader outer(value);
  SIGNET_TRY_ASSIGN(der::Reader fields, outer.Enter(der::kSequence));
  SIGNET_TRY(outer.Finish());
  SIGNET_TRY_ASSIGN(const auto ca, fields.Optional(der::kBoolean));
  if (ca) {
    SIGNET_TRY_ASSIGN(out.is_ca, der::ReadBoolean(ca->content));
  }
  SIGNET_TRY_ASSIGN(const auto length, fields.Optional(der::kInteger));
  if (length) {
    SIGNET_TRY_ASSIGN(const std::int64_t number, der::ReadSmallInteger(length->content));
    if (!out.is_ca || number < 0 || number > 255) {
      return InvalidArgument("path length is negative, over 255, or not of a CA");
    }
    out.path_length = static_cast<int>(number);
  }
  out.has_basic_constraints = true;
  return fields.Finish();
}

Status ReadKeyUsage(ByteView value, Certificate& out) {
  der::Reader outer(value);
  SIGNET_TRY_ASSIGN(const der::Element bits, outer.Expect(der::kBitString));
  SIGNET_TRY(outer.Finish());
  const ByteView content = bits.content;
  if (content.size() < 2 || content.size() > 3 || content[0] > 7 ||
      (content.back() & ((1U << content[0]) - 1)) != 0) {
    return InvalidArgument("key usage is not a bit string of one to nine bits");
  }
  unsigned usage = 0;
  for (unsigned bit = 0; bit < 9 && bit / 8 + 1 < content.size(); ++bit) {
    if ((content[bit / 8 + 1] & (0x80U >> (bit % 8))) != 0) {
      usage |= 1U << bit;
    }
  }
  out.key_usage = static_cast<std::uint16_t>(usage);
  return {};
}

Status ReadExtendedKeyUsage(ByteView value, Certificate& out) {
  der::Reader outer(value);
  SIGNET_TRY_ASSIGN(der::Reader usages, outer.Enter(der::kSequence));
  SIGNET_TRY(outer.Finish());
  do {
    SIGNET_TRY_ASSIGN(const std::string_view usage, ReadOid(usages));
    out.eku_server_auth |= usage == oid::kServerAuth;
    out.eku_client_auth |= usage == oid::kClientAuth;
    out.eku_any |= usage == oid::kAnyEku;
  } while (!usages.AtEnd());
  out.has_extended_key_usage = true;
  return {};
}

Status ReadSubjectKeyId(ByteView value, Certificate& out) {
  der::Reader outer(value);
  SIGNET_TRY_ASSIGN(const der::Element id, outer.Expect(der::kOctetString));
  out.subject_key_id = ToBytes(id.content);
  return outer.Finish();
}

Status ReadAuthorityKeyId(ByteView value, Certificate& out) {
  der::Reader outer(value);
  SIGNET_TRY_ASSIGN(der::Reader fields, outer.Enter(der::kSequence));
  SIGNET_TRY(outer.Finish());
  while (!fields.AtEnd()) {  // issuer and serial may follow; nothing here uses them
    SIGNET_TRY_ASSIGN(const der::Element field, fields.Next());
    if (field.tag == kAuthorityKeyIdField) {
      out.authority_key_id = ToBytes(field.content);
    }
  }
  return {};
}

Status ReadExtension(const Extension& extension, Certificate& out) {
  if (extension.oid == oid::kBasicConstraints) {
    return ReadBasicConstraints(extension.value, out).Context("basic constraints");
  }
  if (extension.oid == oid::kKeyUsage) {
    out.key_usage_critical = extension.critical;
    return ReadKeyUsage(extension.value, out);
  }
  if (extension.oid == oid::kExtendedKeyUsage) {
    return ReadExtendedKeyUsage(extension.value, out).Context("extended key usage");
  }
  if (extension.oid == oid::kSubjectKeyId) {
    return ReadSubjectKeyId(extension.value, out).Context("subject key id");
  }
  if (extension.oid == oid::kAuthorityKeyId) {
    return ReadAuthorityKeyId(extension.value, out).Context("authority key id");
  }
  if (extension.oid == oid::kSubjectAltName) {
    SIGNET_TRY_ASSIGN(AltNames names, ParseAltNames(extension.value));
    out.uri_sans = std::move(names.uris);
    out.dns_sans = std::move(names.dns);
    out.has_subject_alt_name = true;
    out.subject_alt_name_critical = extension.critical;
    return {};
  }
  if (extension.oid == oid::kNameConstraints) {
    out.name_constraints = ToBytes(extension.value);  // understood by path validation alone
    return {};
  }
  if (extension.critical) {
    out.has_unknown_critical_extension = true;
  }
  return {};
}

Status ReadVersionAndSerial(der::Reader& tbs, Certificate& out) {
  SIGNET_TRY_ASSIGN(der::Reader version, tbs.Enter(kVersion));
  SIGNET_TRY_ASSIGN(const der::Element number, version.Expect(der::kInteger));
  SIGNET_TRY(version.Finish());
  SIGNET_TRY_ASSIGN(const std::int64_t value, der::ReadSmallInteger(number.content));
  if (value != 2) {
    return InvalidArgument("version is not 3");
  }
  SIGNET_TRY_ASSIGN(const der::Element serial, tbs.Expect(der::kInteger));
  SIGNET_TRY_ASSIGN(const ByteView magnitude, der::ReadUnsigned(serial.content).Context("serial"));
  if (magnitude.size() > kMaxSerialBytes) {
    return InvalidArgument("serial is longer than 20 bytes");
  }
  out.serial = ToBytes(magnitude);
  out.serial_decimal = Decimal(magnitude);
  return {};
}

Status ReadNamesAndValidity(der::Reader& tbs, Certificate& out) {
  SIGNET_TRY_ASSIGN(const der::Element issuer, tbs.Expect(der::kSequence));
  SIGNET_TRY(CheckName(issuer).Context("issuer"));
  out.issuer = ToBytes(issuer.whole);
  SIGNET_TRY_ASSIGN(der::Reader validity, tbs.Enter(der::kSequence));
  SIGNET_TRY_ASSIGN(const der::Element not_before, validity.Next());
  SIGNET_TRY_ASSIGN(const der::Element not_after, validity.Next());
  SIGNET_TRY(validity.Finish());
  SIGNET_TRY_ASSIGN(out.not_before, ParseTime(not_before));
  SIGNET_TRY_ASSIGN(out.not_after, ParseTime(not_after));
  SIGNET_TRY_ASSIGN(const der::Element subject, tbs.Expect(der::kSequence));
  SIGNET_TRY(CheckName(subject).Context("subject"));
  out.subject = ToBytes(subject.whole);
  return {};
}

/// CheckSpki looks at what is the same for keys of all types. Programs that read more strictly than
/// OpenSSL refuse a certificate for it, and what came with it.
Status CheckSpki(const der::Element& spki) {
  der::Reader fields(spki.content);
  SIGNET_TRY_ASSIGN(der::Reader algorithm, fields.Enter(der::kSequence));
  SIGNET_TRY(ReadOid(algorithm));
  if (!algorithm.AtEnd()) {
    SIGNET_TRY_ASSIGN(const der::Element parameters, algorithm.Next());
    const bool null = parameters.tag == der::kNull && parameters.content.empty();
    if (!null && parameters.tag != der::kOid && parameters.tag != der::kSequence) {
      return InvalidArgument("public key: parameters of an unknown kind");
    }
  }
  SIGNET_TRY(algorithm.Finish());
  SIGNET_TRY_ASSIGN(const der::Element bits, fields.Expect(der::kBitString));
  SIGNET_TRY(der::ReadBitString(bits.content).Context("public key"));
  return fields.Finish();
}

Status SkipUniqueId(der::Reader& tbs, std::uint8_t tag) {
  SIGNET_TRY_ASSIGN(const auto id, tbs.Optional(tag));
  if (id) {
    SIGNET_TRY(der::ReadBitString(id->content).Context("unique identifier"));
  }
  return {};
}

/// ReadTbs gives the signature algorithm as the signed part spells it.
Result<ByteView> ReadTbs(der::Reader tbs, Certificate& out) {
  SIGNET_TRY(ReadVersionAndSerial(tbs, out));
  SIGNET_TRY_ASSIGN(const der::Element algorithm, tbs.Expect(der::kSequence));
  SIGNET_TRY(ReadNamesAndValidity(tbs, out));
  SIGNET_TRY_ASSIGN(const der::Element spki, tbs.Expect(der::kSequence));
  SIGNET_TRY(CheckSpki(spki));
  out.spki = ToBytes(spki.whole);
  SIGNET_TRY(SkipUniqueId(tbs, kIssuerUniqueId));
  SIGNET_TRY(SkipUniqueId(tbs, kSubjectUniqueId));
  SIGNET_TRY_ASSIGN(const auto wrapped, tbs.Optional(kExtensions));
  SIGNET_TRY(tbs.Finish());
  if (wrapped) {
    der::Reader inside(wrapped->content);
    SIGNET_TRY_ASSIGN(const der::Reader extensions, inside.Enter(der::kSequence));
    SIGNET_TRY(inside.Finish());
    SIGNET_TRY(ParseExtensions(
        extensions, [&out](const Extension& extension) { return ReadExtension(extension, out); }));
  }
  return algorithm.whole;
}

Result<Certificate> ReadCertificate(ByteView der) {
  der::Reader outer(der);
  SIGNET_TRY_ASSIGN(der::Reader certificate, outer.Enter(der::kSequence));
  SIGNET_TRY(outer.Finish());
  Certificate out;
  SIGNET_TRY_ASSIGN(const der::Element tbs, certificate.Expect(der::kSequence));
  SIGNET_TRY_ASSIGN(const ByteView signed_algorithm, ReadTbs(der::Reader(tbs.content), out));
  SIGNET_TRY_ASSIGN(const der::Element algorithm, certificate.Expect(der::kSequence));
  SIGNET_TRY_ASSIGN(out.signature_algorithm, ParseSignatureAlgorithm(algorithm));
  if (!Equal(signed_algorithm, algorithm.whole)) {
    return InvalidArgument("signature algorithm differs inside and outside the signed part");
  }
  SIGNET_TRY_ASSIGN(const der::Element signature, certificate.Expect(der::kBitString));
  SIGNET_TRY(certificate.Finish());
  SIGNET_TRY_ASSIGN(const ByteView bits, der::ReadBitString(signature.content));
  out.signature = ToBytes(bits);
  out.tbs = ToBytes(tbs.whole);
  out.der = ToBytes(der);
  return out;
}

}  // namespace

Result<Certificate> Certificate::Parse(ByteView der) {
  if (der.size() > kMaxCertificateBytes) {
    return InvalidArgument("certificate is longer than 16 KiB");
  }
  return ReadCertificate(der).Context("malformed certificate");
}

Result<std::vector<Certificate>> ParseCertificateList(ByteView concatenated) {
  std::vector<Certificate> out;
  der::Reader reader(concatenated);
  while (!reader.AtEnd()) {
    if (out.size() == kMaxCertificates) {
      return InvalidArgument("more than 64 certificates");
    }
    const std::string where = "certificate " + std::to_string(out.size() + 1);
    SIGNET_TRY_ASSIGN(const der::Element element, reader.Next().Context(where));
    SIGNET_TRY_ASSIGN(Certificate certificate, Certificate::Parse(element.whole).Context(where));
    out.push_back(std::move(certificate));
  }
  return out;
}

}  // namespace signet::crypto
