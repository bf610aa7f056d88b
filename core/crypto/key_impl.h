#pragma once

// Private to core/crypto.

#include <cstddef>

#include "core/crypto/key.h"
#include "core/crypto/openssl.h"

namespace signet::crypto {

struct PublicKey::Impl {
  KeyType type = KeyType::kEcP256;
  Bytes spki;
  Bytes subject_key_id;
  Pkey key;
};

/// Digest is a hash of up to 64 bytes, as long as its algorithm says.
struct Digest {
  std::uint8_t bytes[64];
  unsigned int size = 0;
};

/// DigestFor gives the hash that belongs to a signature algorithm.
const EVP_MD* DigestFor(SignatureAlgorithm algorithm);

/// HashFor hashes a message for signing or verifying.
Digest HashFor(SignatureAlgorithm algorithm, ByteView message);

/// UsePkcs1 sets up an RSA signing or verifying context: PKCS#1 v1.5 padding with this digest.
bool UsePkcs1(EVP_PKEY_CTX* context, const EVP_MD* digest);

}  // namespace signet::crypto
