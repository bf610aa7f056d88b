#include "tests/support/kubernetes/stub/jwt.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <array>
#include <stdexcept>

namespace signet::test::kube {
namespace {

constexpr int kEcNumber = 32;  // bytes of r and of s

using PkeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

const unsigned char* Octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

void Check(bool ok, const char* what) {
  if (!ok) {
    throw std::runtime_error(what);
  }
}

std::string Number(EVP_PKEY* key, const char* name, int width) {
  BIGNUM* number = nullptr;
  Check(EVP_PKEY_get_bn_param(key, name, &number) == 1, "a key lacks a number");
  std::string out(static_cast<std::size_t>(width > 0 ? width : BN_num_bytes(number)), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
  BN_free(number);
  return out;
}

/// JWS writes r and s side by side; OpenSSL writes them in ASN.1.
std::string RawEcSignature(const std::string& der) {
  const unsigned char* at = Octets(der);
  ECDSA_SIG* parsed = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  Check(parsed != nullptr, "odd ECDSA signature");
  std::string out(2 * kEcNumber, '\0');
  auto* const bytes = reinterpret_cast<unsigned char*>(out.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(parsed), bytes, kEcNumber);
  BN_bn2binpad(ECDSA_SIG_get0_s(parsed), bytes + kEcNumber, kEcNumber);
  ECDSA_SIG_free(parsed);
  return out;
}

std::string DerEcSignature(const std::string& raw) {
  if (raw.size() != 2 * kEcNumber) {
    return "";
  }
  ECDSA_SIG* signature = ECDSA_SIG_new();
  ECDSA_SIG_set0(signature, BN_bin2bn(Octets(raw), kEcNumber, nullptr),
                 BN_bin2bn(Octets(raw) + kEcNumber, kEcNumber, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature, &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  ECDSA_SIG_free(signature);
  return out;
}

std::string KeyId(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  Check(size > 0, "cannot write a public key");
  std::string spki(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return Base64Url(Sha256(spki));
}

}  // namespace

struct KeyRing::Key {
  PkeyPtr key;
  std::string id;
  bool ec;

  std::string Algorithm() const { return ec ? "ES256" : "RS256"; }
};

std::string Base64Url(std::string_view bytes) {
  std::string out(4 * (bytes.size() + 2) / 3 + 4, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), Octets(bytes),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  while (!out.empty() && out.back() == '=') {
    out.pop_back();
  }
  for (char& c : out) {
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  }
  return out;
}

std::optional<std::string> FromBase64Url(std::string_view text) {
  std::string padded(text);
  for (char& c : padded) {
    c = c == '-' ? '+' : c == '_' ? '/' : c;
  }
  const std::size_t padding = (4 - padded.size() % 4) % 4;
  padded.append(padding, '=');
  std::string out(padded.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), Octets(padded),
                                   static_cast<int>(padded.size()));
  if (size < 0 || padding == 3) {
    return std::nullopt;
  }
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

std::string Sha256(std::string_view bytes) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(Octets(bytes), bytes.size(), reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

std::string NewUid() {
  std::array<unsigned char, 16> bytes{};
  Check(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "no randomness");
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}

KeyRing::KeyRing() = default;
KeyRing::~KeyRing() = default;

void KeyRing::Add(const std::string& private_pem) {
  BIO* bio = BIO_new_mem_buf(private_pem.data(), static_cast<int>(private_pem.size()));
  PkeyPtr key(PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr), &EVP_PKEY_free);
  BIO_free(bio);
  Check(key != nullptr, "the signing key is not a PEM private key");
  std::string id = KeyId(key.get());
  const bool ec = EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_EC;
  keys_.push_back(std::make_unique<Key>(Key{std::move(key), std::move(id), ec}));
}

void KeyRing::Rotate() {
  PkeyPtr key(keys_.back()->ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048), &EVP_PKEY_free);
  Check(key != nullptr, "cannot make a key");
  std::string id = KeyId(key.get());
  keys_.push_back(std::make_unique<Key>(Key{std::move(key), std::move(id), keys_.back()->ec}));
}

std::vector<std::string> KeyRing::Export() const {
  std::vector<std::string> out;
  for (const auto& key : keys_) {
    BIO* bio = BIO_new(BIO_s_mem());
    Check(PEM_write_bio_PrivateKey(bio, key->key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
          "cannot write a key");
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    out.emplace_back(data, static_cast<std::size_t>(size));
    BIO_free(bio);
  }
  return out;
}

std::string KeyRing::Sign(const Json& claims) const {
  const Key& key = *keys_.back();
  const Json header = {{"alg", key.Algorithm()}, {"kid", key.id}};
  std::string token = Base64Url(header.dump()) + "." + Base64Url(claims.dump());
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::size_t size = 0;
  Check(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key.key.get()) == 1 &&
            EVP_DigestSign(context, nullptr, &size, Octets(token), token.size()) == 1,
        "cannot sign");
  std::string signature(size, '\0');
  Check(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                       Octets(token), token.size()) == 1,
        "cannot sign");
  EVP_MD_CTX_free(context);
  signature.resize(size);
  return token + "." + Base64Url(key.ec ? RawEcSignature(signature) : signature);
}

std::optional<KeyRing::Parts> KeyRing::Split(const std::string& token) {
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first == std::string::npos ? first : first + 1);
  if (second == std::string::npos) {
    return std::nullopt;
  }
  const std::string_view text(token);
  const auto header = FromBase64Url(text.substr(0, first));
  const auto claims = FromBase64Url(text.substr(first + 1, second - first - 1));
  const auto signature = FromBase64Url(text.substr(second + 1));
  if (!header || !claims || !signature) {
    return std::nullopt;
  }
  Parts parts = {Json::parse(*header, nullptr, false), Json::parse(*claims, nullptr, false),
                 *signature, second};
  return parts.header.is_object() && parts.claims.is_object() ? std::optional(parts) : std::nullopt;
}

const KeyRing::Key* KeyRing::Find(const Json& header) const {
  for (const auto& key : keys_) {
    if (header.value("kid", "") == key->id && header.value("alg", "") == key->Algorithm()) {
      return key.get();
    }
  }
  return nullptr;
}

bool KeyRing::Knows(const std::string& token) const {
  const std::optional<Parts> parts = Split(token);
  return parts && Find(parts->header) != nullptr;
}

std::optional<Json> KeyRing::Verify(const std::string& token) const {
  const std::optional<Parts> parts = Split(token);
  const Key* const key = parts ? Find(parts->header) : nullptr;
  if (key == nullptr) {
    return std::nullopt;
  }
  const std::string raw = key->ec ? DerEcSignature(parts->signature) : parts->signature;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool good =
      EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key->key.get()) == 1 &&
      EVP_DigestVerify(context, Octets(raw), raw.size(), Octets(token), parts->signed_size) == 1;
  EVP_MD_CTX_free(context);
  return good ? std::optional(parts->claims) : std::nullopt;
}

Json KeyRing::Jwks() const {
  Json keys = Json::array();
  for (const auto& key : keys_) {
    Json jwk = {{"use", "sig"}, {"kid", key->id}, {"alg", key->Algorithm()}};
    EVP_PKEY* const raw = key->key.get();
    if (key->ec) {
      jwk["kty"] = "EC";
      jwk["crv"] = "P-256";
      jwk["x"] = Base64Url(Number(raw, OSSL_PKEY_PARAM_EC_PUB_X, kEcNumber));
      jwk["y"] = Base64Url(Number(raw, OSSL_PKEY_PARAM_EC_PUB_Y, kEcNumber));
    } else {
      jwk["kty"] = "RSA";
      jwk["n"] = Base64Url(Number(raw, OSSL_PKEY_PARAM_RSA_N, 0));
      jwk["e"] = Base64Url(Number(raw, OSSL_PKEY_PARAM_RSA_E, 0));
    }
    keys.push_back(jwk);
  }
  return {{"keys", keys}};
}

Json KeyRing::Algorithms() const { return Json::array({keys_.back()->Algorithm()}); }

}  // namespace signet::test::kube
