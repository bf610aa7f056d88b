#include <openssl/rsa.h>

#include "core/crypto/key.h"
#include "core/crypto/key_impl.h"

namespace signet::crypto {
namespace {

Result<Pkey> GenerateKey(KeyType type) {
  Pkey key;
  switch (type) {
    case KeyType::kEcP256:
      key.reset(EVP_EC_gen("P-256"));
      break;
    case KeyType::kEcP384:
      key.reset(EVP_EC_gen("P-384"));
      break;
    case KeyType::kRsa2048:
      key.reset(EVP_RSA_gen(2048));
      break;
    case KeyType::kRsa3072:
      key.reset(EVP_RSA_gen(3072));
      break;
    case KeyType::kRsa4096:
      key.reset(EVP_RSA_gen(4096));
      break;
  }
  if (!key) {
    return OpenSslError("cannot generate a key");
  }
  return key;
}

Result<PublicKey> PublicPart(const EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) {
    return OpenSslError("cannot read the public part of a key");
  }
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(
      der, [](unsigned char* bytes) { OPENSSL_free(bytes); });
  return PublicKey::FromSpki({der, static_cast<std::size_t>(size)});
}

/// A context ready to sign; each signature is made on a copy, since look-ups cost more than copies.
Result<PkeyContext> PrepareSigning(EVP_PKEY* key, KeyType type) {
  PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  const SignatureAlgorithm algorithm = DefaultSignatureAlgorithm(type);
  const bool rsa = algorithm == SignatureAlgorithm::kRsaSha256;
  if (!context || EVP_PKEY_sign_init(context.get()) != 1 ||
      (rsa && !UsePkcs1(context.get(), DigestFor(algorithm)))) {
    return OpenSslError("cannot set up signing");
  }
  return context;
}

}  // namespace

struct PrivateKey::Impl {
  PublicKey public_key;
  Pkey key;
  PkeyContext signing;

  static Result<std::shared_ptr<const PrivateKey>> Make(Pkey key) {
    SIGNET_TRY_ASSIGN(PublicKey public_key, PublicPart(key.get()));
    SIGNET_TRY_ASSIGN(PkeyContext signing, PrepareSigning(key.get(), public_key.type()));
    return std::make_shared<const PrivateKey>(
        std::make_unique<Impl>(Impl{std::move(public_key), std::move(key), std::move(signing)}));
  }
};

PrivateKey::PrivateKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PrivateKey::~PrivateKey() = default;

Result<std::shared_ptr<const PrivateKey>> PrivateKey::Generate(KeyType type) {
  SIGNET_TRY_ASSIGN(Pkey key, GenerateKey(type));
  return Impl::Make(std::move(key));
}

Result<std::shared_ptr<const PrivateKey>> PrivateKey::FromPkcs8(const Secret& der) {
  const ByteView bytes = der.RevealSecret();
  const unsigned char* at = bytes.data();
  const Pkcs8 pkcs8(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(bytes.size())));
  if (!pkcs8 || at != bytes.data() + bytes.size()) {
    DropOpenSslErrors();
    return InvalidArgument("private key is not one PKCS#8 structure in DER");
  }
  Pkey key(EVP_PKCS82PKEY(pkcs8.get()));
  if (!key) {
    DropOpenSslErrors();
    return InvalidArgument("private key is of an unknown type or broken");
  }
  SIGNET_TRY_ASSIGN(auto loaded, Impl::Make(std::move(key)).Context("private key"));
  // A file whose two halves do not belong together would otherwise sign certificates that nobody
  // can verify.
  static constexpr std::string_view kProbe = "does this key fit itself?";
  const auto signature = loaded->Sign(AsBytes(kProbe));
  const auto algorithm = DefaultSignatureAlgorithm(loaded->public_key().type());
  if (!signature.ok() ||
      !loaded->public_key().Verify(algorithm, AsBytes(kProbe), *signature).ok()) {
    return InvalidArgument("private key does not fit its own public part");
  }
  return loaded;
}

const PublicKey& PrivateKey::public_key() const { return impl_->public_key; }

Result<Bytes> PrivateKey::Sign(ByteView message) const {
  const Digest digest = HashFor(DefaultSignatureAlgorithm(impl_->public_key.type()), message);
  const PkeyContext context(EVP_PKEY_CTX_dup(impl_->signing.get()));
  Bytes signature(512);  // RSA-4096 takes all of it, ECDSA 72 to 104
  std::size_t size = signature.size();
  if (!context ||
      EVP_PKEY_sign(context.get(), signature.data(), &size, digest.bytes, digest.size) != 1) {
    return OpenSslError("cannot sign");
  }
  signature.resize(size);
  return signature;
}

Result<Secret> PrivateKey::ToPkcs8() const {
  const Pkcs8 pkcs8(EVP_PKEY2PKCS8(impl_->key.get()));
  const int size = pkcs8 ? i2d_PKCS8_PRIV_KEY_INFO(pkcs8.get(), nullptr) : 0;
  if (size <= 0) {
    return OpenSslError("cannot write a private key");
  }
  Bytes der(static_cast<std::size_t>(size));
  unsigned char* at = der.data();
  if (i2d_PKCS8_PRIV_KEY_INFO(pkcs8.get(), &at) != size) {
    return OpenSslError("cannot write a private key");
  }
  return Secret(std::move(der));
}

}  // namespace signet::crypto
