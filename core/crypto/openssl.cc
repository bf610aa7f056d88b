#include "core/crypto/openssl.h"

#include <openssl/err.h>

#include <array>
#include <string>

namespace signet::crypto {
namespace {

const EVP_MD* FetchDigest(const char* name) {
  const EVP_MD* digest = EVP_MD_fetch(nullptr, name, nullptr);
  SIGNET_CHECK(digest != nullptr, "libcrypto does not know a standard digest");
  return digest;
}

}  // namespace

Error OpenSslError(std::string_view what) {
  std::string message(what);
  std::array<char, 256> text{};
  while (const unsigned long code = ERR_get_error()) {
    ERR_error_string_n(code, text.data(), text.size());
    message.append(": ").append(text.data());
  }
  return Internal(std::move(message));
}

void DropOpenSslErrors() { ERR_clear_error(); }

Result<X509Handle> LoadX509(ByteView der) {
  const unsigned char* at = der.data();
  X509Handle certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (!certificate || at != der.data() + der.size()) {
    DropOpenSslErrors();
    return InvalidArgument("malformed certificate: libcrypto cannot read it");
  }
  return certificate;
}

const EVP_MD* Sha1Digest() {
  static const EVP_MD* const digest = FetchDigest("SHA1");
  return digest;
}

const EVP_MD* Sha256Digest() {
  static const EVP_MD* const digest = FetchDigest("SHA256");
  return digest;
}

const EVP_MD* Sha384Digest() {
  static const EVP_MD* const digest = FetchDigest("SHA384");
  return digest;
}

const EVP_MD* Sha512Digest() {
  static const EVP_MD* const digest = FetchDigest("SHA512");
  return digest;
}

}  // namespace signet::crypto
