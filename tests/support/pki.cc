#include "tests/support/pki.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>

#include "core/base/check.h"

namespace signet::test {
namespace {

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using CertPtr = std::unique_ptr<X509, decltype(&X509_free)>;

KeyPtr MakeKey(const std::string& type) {
  EVP_PKEY* key = type == "RSA"     ? EVP_RSA_gen(2048)
                  : type == "P-384" ? EVP_EC_gen("P-384")
                                    : EVP_EC_gen("P-256");
  SIGNET_CHECK(key != nullptr, "cannot make a test key");
  return {key, &EVP_PKEY_free};
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  if (value.empty()) {
    return;
  }
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  SIGNET_CHECK(extension != nullptr, "test extension is malformed: " + value);
  SIGNET_CHECK(X509_add_ext(certificate, extension, -1) == 1, "cannot add a test extension");
  X509_EXTENSION_free(extension);
}

std::string AltNames(const CertOptions& options) {
  std::string out;
  for (const std::string& name : options.dns) {
    out += (out.empty() ? "DNS:" : ",DNS:") + name;
  }
  for (const std::string& uri : options.uris) {
    out += (out.empty() ? "URI:" : ",URI:") + uri;
  }
  return out;
}

void SetName(X509* certificate, const CertOptions& options) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto add = [name](const char* field, const std::string& value) {
    X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value.c_str()), -1, -1, 0);
  };
  add("C", "US");
  add("O", "TEST");
  if (!options.common_name.empty()) {
    add("CN", options.common_name);
  }
}

/// Signs a certificate for subject_key; without an issuer it signs itself.
CertPtr Sign(const CertOptions& options, EVP_PKEY* subject_key, X509* issuer,
             EVP_PKEY* issuer_key) {
  static std::atomic<long> serial = 1000;
  CertPtr certificate(X509_new(), &X509_free);
  X509* const raw = certificate.get();
  X509_set_version(raw, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(raw), ++serial);
  ASN1_TIME_set(X509_getm_notBefore(raw), UnixSeconds(options.not_before));
  ASN1_TIME_set(X509_getm_notAfter(raw), UnixSeconds(options.not_after));
  X509_set_pubkey(raw, subject_key);
  if (options.raw_subject.empty()) {
    SetName(raw, options);
  } else {
    const unsigned char* at = options.raw_subject.data();
    X509_NAME* name = d2i_X509_NAME(nullptr, &at, static_cast<long>(options.raw_subject.size()));
    SIGNET_CHECK(X509_set_subject_name(raw, name) == 1, "cannot set a test subject");
    X509_NAME_free(name);
  }
  X509* const signer = issuer != nullptr ? issuer : raw;
  X509_set_issuer_name(raw, X509_get_subject_name(signer));
  AddExtension(raw, signer, NID_basic_constraints, options.basic_constraints);
  AddExtension(raw, signer, NID_key_usage, options.key_usage);
  AddExtension(raw, signer, NID_ext_key_usage, options.extended_key_usage);
  AddExtension(raw, signer, NID_subject_key_identifier, options.subject_key_id);
  AddExtension(raw, signer, NID_authority_key_identifier, "keyid");
  AddExtension(raw, signer, NID_subject_alt_name, AltNames(options));
  SIGNET_CHECK(X509_sign(raw, issuer_key, EVP_sha256()) > 0, "cannot sign a test certificate");
  return certificate;
}

Bytes ToDer(X509* certificate) {
  Bytes out(static_cast<std::size_t>(i2d_X509(certificate, nullptr)));
  unsigned char* at = out.data();
  i2d_X509(certificate, &at);
  return out;
}

Bytes ToPkcs8(EVP_PKEY* key) {
  PKCS8_PRIV_KEY_INFO* info = EVP_PKEY2PKCS8(key);
  SIGNET_CHECK(info != nullptr, "cannot write a test key");
  Bytes out(static_cast<std::size_t>(i2d_PKCS8_PRIV_KEY_INFO(info, nullptr)));
  unsigned char* at = out.data();
  i2d_PKCS8_PRIV_KEY_INFO(info, &at);
  PKCS8_PRIV_KEY_INFO_free(info);
  return out;
}

}  // namespace

struct TestCa::Impl {
  KeyPtr key;
  CertPtr certificate;
  Bytes der;
  SystemTime not_before;
  SystemTime not_after;

  static TestCa SelfSigned(const CertOptions& options, KeyPtr key);
};

TestCa::TestCa(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TestCa::TestCa(TestCa&&) noexcept = default;
TestCa& TestCa::operator=(TestCa&&) noexcept = default;
TestCa::~TestCa() = default;

TestCa::TestCa(const std::string& trust_domain, SystemTime now)
    : TestCa(WithOptions(CaOptions(trust_domain, now))) {}

TestCa TestCa::WithOptions(const CertOptions& options) {
  return Impl::SelfSigned(options, MakeKey(options.key_type));
}

TestCa TestCa::Renewed(const CertOptions& options) const {
  EVP_PKEY* const key = impl_->key.get();
  EVP_PKEY_up_ref(key);
  return Impl::SelfSigned(options, KeyPtr(key, &EVP_PKEY_free));
}

TestCa TestCa::Impl::SelfSigned(const CertOptions& options, KeyPtr key) {
  CertPtr certificate = Sign(options, key.get(), nullptr, key.get());
  Bytes der = ToDer(certificate.get());
  return TestCa(std::make_unique<Impl>(Impl{std::move(key), std::move(certificate), std::move(der),
                                            options.not_before, options.not_after}));
}

CertOptions TestCa::CaOptions(const std::string& trust_domain, SystemTime now) {
  return {.uris = {"spiffe://" + trust_domain},
          .basic_constraints = "critical,CA:TRUE",
          .key_usage = "critical,keyCertSign,cRLSign",
          .extended_key_usage = "",
          .common_name = "CA of " + trust_domain,
          .not_before = now - std::chrono::hours(1),
          .not_after = now + std::chrono::hours(24)};
}

const Bytes& TestCa::der() const { return impl_->der; }

Bytes TestCa::key_pkcs8() const { return ToPkcs8(impl_->key.get()); }

TestCert TestCa::IssueSvid(const std::string& spiffe_id) const {
  return Issue({.uris = {spiffe_id},
                .not_before = impl_->not_before,
                .not_after = impl_->not_before + std::chrono::hours(2)});
}

TestCert TestCa::Issue(const CertOptions& options) const {
  const KeyPtr key = MakeKey(options.key_type);
  const CertPtr certificate = Sign(options, key.get(), impl_->certificate.get(), impl_->key.get());
  return {ToDer(certificate.get()), ToPkcs8(key.get())};
}

TestCa TestCa::IssueCa(const CertOptions& options) const {
  KeyPtr key = MakeKey(options.key_type);
  CertPtr certificate = Sign(options, key.get(), impl_->certificate.get(), impl_->key.get());
  Bytes der = ToDer(certificate.get());
  return TestCa(std::make_unique<Impl>(Impl{std::move(key), std::move(certificate), std::move(der),
                                            options.not_before, options.not_after}));
}

}  // namespace signet::test
