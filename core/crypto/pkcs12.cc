#include "core/crypto/pkcs12.h"

#include <openssl/pkcs12.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "core/crypto/hash.h"
#include "core/crypto/openssl.h"

namespace signet::crypto {
namespace {

constexpr int kIterations = 100'000;
constexpr std::size_t kMaxPasswordBytes = 128;
constexpr std::size_t kSaltBytes = 16;
/// Java takes a certificate with this attribute for an anchor; its value is a list of key usages.
constexpr const char* kTrustedKeyUsage = "2.16.840.1.113894.746875.1.1";

struct FreeBags {
  void operator()(STACK_OF(PKCS12_SAFEBAG) * bags) const {
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
  }
};
struct FreeSafes {
  void operator()(STACK_OF(PKCS7) * safes) const { sk_PKCS7_pop_free(safes, PKCS7_free); }
};
using Bags = std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), FreeBags>;
using Safes = std::unique_ptr<STACK_OF(PKCS7), FreeSafes>;
using Bag = std::unique_ptr<PKCS12_SAFEBAG, Deleter<PKCS12_SAFEBAG_free>>;
using Safe = std::unique_ptr<PKCS7, Deleter<PKCS7_free>>;
using Algorithm = std::unique_ptr<X509_ALGOR, Deleter<X509_ALGOR_free>>;
using Encrypted = std::unique_ptr<X509_SIG, Deleter<X509_SIG_free>>;
using File = std::unique_ptr<PKCS12, Deleter<PKCS12_free>>;
using Salt = std::array<std::uint8_t, kSaltBytes>;

/// Writer builds one file. Every step gives an error that the caller passes on.
class Writer {
 public:
  Writer(const Pkcs12Content& content, const Secret& password)
      : content_(content),
        password_(reinterpret_cast<const char*>(password.RevealSecret().data())),
        password_size_(static_cast<int>(password.RevealSecret().size())),
        key_id_(Sha1(content.chain.front())) {}

  Result<Bytes> Write() {
    const Safes safes(sk_PKCS7_new_null());
    SIGNET_TRY_ASSIGN(Safe certificates, EncryptCertificates());
    SIGNET_TRY_ASSIGN(Safe key, EncryptKey());
    for (Safe* const safe : {&certificates, &key}) {
      if (!safes || sk_PKCS7_push(safes.get(), safe->get()) <= 0) {
        return OpenSslError("cannot make a PKCS#12 file");
      }
      (void)safe->release();  // the stack owns it now
    }
    const File file(PKCS12_add_safes(safes.get(), 0));
    Salt salt = SaltFor("mac");
    if (!file || PKCS12_set_mac(file.get(), password_, password_size_, salt.data(), kSaltBytes,
                                kIterations, Sha256Digest()) != 1) {
      return OpenSslError("cannot seal a PKCS#12 file");
    }
    return Serialize(file.get());
  }

 private:
  Salt SaltFor(std::string_view use) const {
    Sha256Stream hash;
    const auto add = [&hash](ByteView part) {
      hash.Update(AsBytes(std::to_string(part.size()) + ":"));
      hash.Update(part);
    };
    add(AsBytes("signet pkcs12 salt"));
    add(AsBytes(use));
    add(content_.key.RevealSecret());
    add(AsBytes(content_.friendly_name));
    for (const auto* const certificates : {&content_.chain, &content_.roots}) {
      add(AsBytes(std::to_string(certificates->size())));
      std::for_each(certificates->begin(), certificates->end(), add);
    }
    const auto digest = hash.Finish();
    Salt salt;
    std::copy_n(digest.begin(), salt.size(), salt.begin());
    return salt;
  }

  /// The parameters of PBES2 for one of the two encrypted parts.
  Algorithm EncryptionOf(std::string_view part) const {
    Salt salt = SaltFor(std::string(part) + " salt");
    Salt iv = SaltFor(std::string(part) + " iv");
    return Algorithm(PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), kIterations, salt.data(), kSaltBytes,
                                       iv.data(), NID_hmacWithSHA256));
  }

  /// Name marks the bags of the key and its certificate, which belong together.
  bool Name(PKCS12_SAFEBAG* bag) {
    return PKCS12_add_friendlyname_utf8(bag, content_.friendly_name.data(),
                                        static_cast<int>(content_.friendly_name.size())) == 1 &&
           PKCS12_add_localkeyid(bag, key_id_.data(), static_cast<int>(key_id_.size())) == 1;
  }

  static Status AddCertificate(Bags& bags, ByteView der, PKCS12_SAFEBAG** added) {
    const unsigned char* at = der.data();
    const X509Handle certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (!certificate || at != der.data() + der.size()) {
      DropOpenSslErrors();
      return InvalidArgument("malformed certificate: libcrypto cannot read it");
    }
    STACK_OF(PKCS12_SAFEBAG)* stack = bags.release();
    *added = PKCS12_add_cert(&stack, certificate.get());
    bags.reset(stack);
    return *added != nullptr ? Status() : OpenSslError("cannot pack a certificate");
  }

  Result<Bags> PackCertificates() {
    Bags bags;
    PKCS12_SAFEBAG* bag = nullptr;
    for (std::size_t i = 0; i < content_.chain.size(); ++i) {
      SIGNET_TRY(AddCertificate(bags, content_.chain[i], &bag));
      if (i == 0 && !Name(bag)) {
        return OpenSslError("cannot name a certificate");
      }
    }
    const ASN1_OBJECT* const any_use = OBJ_nid2obj(NID_anyExtendedKeyUsage);
    for (std::size_t i = 0; i < content_.roots.size(); ++i) {
      SIGNET_TRY(AddCertificate(bags, content_.roots[i], &bag));
      const std::string alias = "root " + std::to_string(i + 1);
      if (PKCS12_add_friendlyname_utf8(bag, alias.data(), static_cast<int>(alias.size())) != 1 ||
          PKCS12_add1_attr_by_txt(bag, kTrustedKeyUsage, V_ASN1_OBJECT,
                                  reinterpret_cast<const unsigned char*>(any_use), -1) != 1) {
        return OpenSslError("cannot mark a root as trusted");
      }
    }
    return bags;
  }

  Result<Safe> EncryptCertificates() {
    SIGNET_TRY_ASSIGN(const Bags bags, PackCertificates());
    Algorithm algorithm = EncryptionOf("certificates");
    Safe safe(PKCS7_new());
    if (!safe || !algorithm || PKCS7_set_type(safe.get(), NID_pkcs7_encrypted) != 1) {
      return OpenSslError("cannot encrypt certificates");
    }
    // PKCS12_pack_p7encdata does this too, but with a random initialisation vector.
    ASN1_OCTET_STRING* const sealed =
        PKCS12_item_i2d_encrypt(algorithm.get(), ASN1_ITEM_rptr(PKCS12_SAFEBAGS), password_,
                                password_size_, bags.get(), /*zbuf=*/1);
    if (sealed == nullptr) {
      return OpenSslError("cannot encrypt certificates");
    }
    PKCS7_ENC_CONTENT* const content = safe->d.encrypted->enc_data;
    X509_ALGOR_free(std::exchange(content->algorithm, algorithm.release()));
    ASN1_OCTET_STRING_free(std::exchange(content->enc_data, sealed));
    return safe;
  }

  Result<Safe> EncryptKey() {
    const ByteView der = content_.key.RevealSecret();
    const unsigned char* at = der.data();
    const Pkcs8 pkcs8(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())));
    if (!pkcs8 || at != der.data() + der.size()) {
      DropOpenSslErrors();
      return InvalidArgument("private key is not one PKCS#8 structure in DER");
    }
    Algorithm algorithm = EncryptionOf("key");
    Encrypted sealed(algorithm
                         ? PKCS8_set0_pbe(password_, password_size_, pkcs8.get(), algorithm.get())
                         : nullptr);
    if (!sealed) {
      return OpenSslError("cannot encrypt a private key");
    }
    (void)algorithm.release();  // part of `sealed` now
    Bag bag(PKCS12_SAFEBAG_create0_pkcs8(sealed.get()));
    if (!bag) {
      return OpenSslError("cannot pack a private key");
    }
    (void)sealed.release();  // part of `bag` now
    const Bags bags(sk_PKCS12_SAFEBAG_new_null());
    if (!Name(bag.get()) || !bags || sk_PKCS12_SAFEBAG_push(bags.get(), bag.get()) <= 0) {
      return OpenSslError("cannot pack a private key");
    }
    (void)bag.release();  // the stack owns it now
    Safe safe(PKCS12_pack_p7data(bags.get()));
    return safe ? Result<Safe>(std::move(safe)) : OpenSslError("cannot pack a private key");
  }

  static Result<Bytes> Serialize(const PKCS12* file) {
    unsigned char* der = nullptr;
    const int size = i2d_PKCS12(file, &der);
    if (size <= 0) {
      return OpenSslError("cannot write a PKCS#12 file");
    }
    const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(
        der, [](unsigned char* bytes) { OPENSSL_free(bytes); });
    return Bytes(der, der + size);
  }

  const Pkcs12Content& content_;
  const char* const password_;
  const int password_size_;
  std::array<std::uint8_t, 20> key_id_;
};

}  // namespace

Status CheckPkcs12Password(const Secret& password) {
  const ByteView bytes = password.RevealSecret();
  if (bytes.empty() || bytes.size() > kMaxPasswordBytes ||
      !std::all_of(bytes.begin(), bytes.end(),
                   [](std::uint8_t c) { return c >= ' ' && c <= '~'; })) {
    return InvalidArgument(
        "a PKCS#12 file needs a password of 1 to 128 printable ASCII characters");
  }
  return {};
}

Result<Bytes> WritePkcs12(const Pkcs12Content& content, const Secret& password) {
  SIGNET_TRY(CheckPkcs12Password(password));
  if (content.chain.empty()) {
    return InvalidArgument("a PKCS#12 file needs a certificate");
  }
  return Writer(content, password).Write();
}

}  // namespace signet::crypto
