#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/crypto/key.h"

namespace signet::crypto {

/// Key usage bits as RFC 5280 §4.2.1.3 numbers them.
enum KeyUsageBit : std::uint16_t {
  kDigitalSignature = 1U << 0,
  kContentCommitment = 1U << 1,
  kKeyEncipherment = 1U << 2,
  kDataEncipherment = 1U << 3,
  kKeyAgreement = 1U << 4,
  kKeyCertSign = 1U << 5,
  kCrlSign = 1U << 6,
  kEncipherOnly = 1U << 7,
  kDecipherOnly = 1U << 8,
};

/// Certificate is a parsed X.509 v3 certificate: strict DER, at most 16 KiB, every extension at
/// most once. Parsing proves nothing about trust. Value type, immutable. Uses our own DER reader,
/// never d2i_*.
struct Certificate {
  /// Parse takes exactly one certificate; trailing bytes, and signature
  /// algorithms outside SignatureAlgorithm (SHA-1, RSA-PSS, Ed25519 …), are errors.
  static Result<Certificate> Parse(ByteView der);

  Bytes der;
  Bytes tbs;                   ///< the signed part, with its header
  Bytes serial;                ///< big-endian magnitude, no leading zero
  std::string serial_decimal;  ///< as SPIRE stores and compares it
  Bytes issuer;                ///< Name, DER
  Bytes subject;               ///< Name, DER
  SystemTime not_before;
  SystemTime not_after;  ///< a time after 2262 (RFC 5280's 9999) becomes SystemTime's last second
  Bytes spki;            ///< DER; may be of a type PublicKey refuses
  SignatureAlgorithm signature_algorithm = SignatureAlgorithm::kEcdsaSha256;
  Bytes signature;
  bool has_basic_constraints = false;
  bool is_ca = false;
  std::optional<int> path_length;
  std::optional<std::uint16_t> key_usage;  ///< KeyUsageBit set, absent without the extension
  bool key_usage_critical = false;
  bool has_extended_key_usage = false;
  bool eku_server_auth = false;
  bool eku_client_auth = false;
  bool eku_any = false;
  bool has_subject_alt_name = false;
  bool subject_alt_name_critical = false;
  std::vector<std::string> uri_sans;
  std::vector<std::string> dns_sans;
  Bytes subject_key_id;    ///< empty when absent
  Bytes authority_key_id;  ///< empty when absent
  Bytes name_constraints;  ///< the extension's value as it stands; empty when absent
  bool has_unknown_critical_extension = false;
};

/// ParseCertificateList splits concatenated DER certificates (WL-14, WL-16); at most 64.
Result<std::vector<Certificate>> ParseCertificateList(ByteView concatenated);

}  // namespace signet::crypto
