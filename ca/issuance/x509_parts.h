#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ca/issuance/x509_issuer.h"
#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/crypto/key.h"

// The DER pieces that certificates of Signet are put together from; each gives one whole TLV.
namespace signet::issuance::parts {

/// Serial is a random number of 1 … 2^128 - 1.
struct Serial {
  Bytes der;  ///< INTEGER
  std::string decimal;
};
Serial NewSerial(Random& random);

/// AlgorithmIdentifier of what Signer::Sign makes with a key of the type.
Bytes SignatureAlgorithm(crypto::KeyType type);

/// Name of the non-empty parts, in the order C, O, CN, serialNumber.
Bytes Name(const SubjectName& name, std::string_view serial_number = {});
/// WithCommonName gives a Name with its common names replaced by one.
Result<Bytes> WithCommonName(ByteView name, std::string_view common_name);

/// Validity takes whole seconds: UTCTime through 2049, GeneralizedTime after it (RFC 5280
/// §4.1.2.5).
Bytes Validity(SystemTime not_before, SystemTime not_after);

/// Extensions, in the order in which they appear.
Bytes CaKeyUsage();    ///< critical: keyCertSign, cRLSign
Bytes LeafKeyUsage();  ///< critical: digitalSignature, keyEncipherment, keyAgreement
Bytes ServerAndClientAuth();
/// CaBasicConstraints: critical, cA TRUE.
Bytes CaBasicConstraints(std::optional<int> path_length = {});
Bytes LeafBasicConstraints();  ///< critical, the empty sequence
Bytes SubjectKeyId(ByteView key_id);
Bytes AuthorityKeyId(ByteView key_id);
/// UriHostConstraints: critical name constraints (RFC 5280 §4.2.1.10) that admit URIs of one host,
/// and neither DNS names, addresses nor e-mail. A name under "invalid" (RFC 6761) is all that is
/// left of DNS and e-mail: an excluded empty name, which would say so directly, crashes Java's
/// check. URIs of excluded_host, if there is one, are refused in any case.
Bytes UriHostConstraints(std::string_view host, std::string_view excluded_host = {});
Bytes SubjectAltName(const std::vector<std::string>& dns_names, std::string_view uri);

/// Tbs puts a TBSCertificate together; every part is a whole TLV, extensions are concatenated ones.
struct TbsParts {
  ByteView serial;
  ByteView algorithm;
  ByteView issuer;
  ByteView validity;
  ByteView subject;
  ByteView spki;
  std::vector<ByteView> extensions;
};
Bytes Tbs(const TbsParts& tbs);

/// SignTbs signs once and wraps TBS, algorithm and signature into the certificate.
Result<Bytes> SignTbs(const crypto::Signer& key, ByteView tbs, ByteView algorithm);

}  // namespace signet::issuance::parts
