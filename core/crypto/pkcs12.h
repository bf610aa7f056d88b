#pragma once

#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/secret.h"

namespace signet::crypto {

/// Pkcs12Content is what goes into a PKCS#12 file (RFC 7292). It views what it names.
struct Pkcs12Content {
  const std::string& friendly_name;  ///< of the key and its certificate: Java's alias
  const Secret& key;                 ///< PKCS#8, DER
  const std::vector<Bytes>& chain;   ///< DER, leaf first
  const std::vector<Bytes>& roots;   ///< DER; also marked as trusted, as Java's trust stores want
};

/// WritePkcs12 gives DER: the key and the certificates each encrypted (PBES2: PBKDF2 with
/// HMAC-SHA-256, AES-256-CBC), and a MAC over all (SHA-256). Takes about 0.1 s, which is the price
/// of guessing a password.
///
/// The same content and password give the same bytes, so that a file which says the same is not
/// taken for a new one: salts and initialisation vectors are hashes of the content, the private
/// key included, and so are as unpredictable as that. They do not depend on the password; else they
/// would let one guess it quickly.
Result<Bytes> WritePkcs12(const Pkcs12Content& content, const Secret& password);

/// CheckPkcs12Password takes 1 to 128 bytes of printable ASCII; readers differ on how they encode
/// the rest.
Status CheckPkcs12Password(const Secret& password);

}  // namespace signet::crypto
