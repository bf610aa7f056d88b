#include "tests/support/kubernetes/pki.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "core/base/check.h"

namespace signet::test {
namespace {

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using CertPtr = std::unique_ptr<X509, decltype(&X509_free)>;
using FilePtr = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

constexpr long kHour = 3600;

struct Issuer {
  X509* certificate;  ///< null: the certificate signs itself
  EVP_PKEY* key;
};

FilePtr Create(const std::string& path) {
  const int fd = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  SIGNET_CHECK(fd >= 0, "cannot write " + path);
  return {fdopen(fd, "w"), &std::fclose};
}

FilePtr Open(const std::string& path) {
  FilePtr file(std::fopen(path.c_str(), "re"), &std::fclose);
  SIGNET_CHECK(file != nullptr, "cannot read " + path);
  return file;
}

void WriteKey(EVP_PKEY* key, const std::string& path) {
  SIGNET_CHECK(
      PEM_write_PrivateKey(Create(path).get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
      "cannot write " + path);
}

void AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  SIGNET_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1,
               "cannot add a certificate extension");
  X509_EXTENSION_free(extension);
}

void AddName(X509_NAME* name, const char* field, const std::string& value) {
  if (!value.empty()) {
    X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value.c_str()), -1, -1, 0);
  }
}

CertPtr Certify(EVP_PKEY* key, const KubeUser& subject, const Issuer& issuer,
                const char* alt_names) {
  CertPtr certificate(X509_new(), &X509_free);
  X509* const raw = certificate.get();
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  X509_set_version(raw, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(raw), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(raw), -kHour);
  X509_gmtime_adj(X509_getm_notAfter(raw), 24 * kHour);
  X509_set_pubkey(raw, key);
  AddName(X509_get_subject_name(raw), "O", subject.group);
  AddName(X509_get_subject_name(raw), "CN", subject.name);
  const bool root = issuer.certificate == nullptr;
  X509* const signer = root ? raw : issuer.certificate;
  X509_set_issuer_name(raw, X509_get_subject_name(signer));
  AddExtension(raw, signer, NID_basic_constraints, root ? "critical,CA:TRUE" : "critical,CA:FALSE");
  AddExtension(raw, signer, NID_key_usage,
               root ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
  AddExtension(raw, signer, NID_subject_key_identifier, "hash");
  AddExtension(raw, signer, NID_authority_key_identifier, "keyid");
  if (!root) {
    AddExtension(raw, signer, NID_ext_key_usage, "serverAuth,clientAuth");
  }
  if (alt_names != nullptr) {
    AddExtension(raw, signer, NID_subject_alt_name, alt_names);
  }
  SIGNET_CHECK(X509_sign(raw, issuer.key, EVP_sha256()) > 0, "cannot sign a certificate");
  return certificate;
}

KeyPtr NewKey() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

void Write(X509* certificate, EVP_PKEY* key, const std::string& file) {
  WriteKey(key, file + ".key");
  PEM_write_X509(Create(file + ".pem").get(), certificate);
}

/// The path of the kept key; several processes may come here at once.
std::string KeptKey(const std::string& kept) {
  std::string path = kept + ".key";
  if (!std::filesystem::exists(path)) {
    const KeyPtr key(EVP_RSA_gen(2048), &EVP_PKEY_free);
    const std::string fresh = path + "." + std::to_string(getpid());
    WriteKey(key.get(), fresh);
    std::filesystem::rename(fresh, path);
  }
  return path;
}

}  // namespace

void MakeKubePki(const std::string& folder, const KubeSigningKey& signing) {
  const KeyPtr ca_key = NewKey();
  const CertPtr ca =
      Certify(ca_key.get(), {.name = "kube-test-ca"}, {nullptr, ca_key.get()}, nullptr);
  Write(ca.get(), ca_key.get(), folder + "/ca");
  const KeyPtr server_key = NewKey();
  const CertPtr server =
      Certify(server_key.get(), {.name = "kube-apiserver"}, {ca.get(), ca_key.get()},
              "DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1");
  Write(server.get(), server_key.get(), folder + "/server");
  if (signing.ec) {
    WriteKey(NewKey().get(), folder + "/sa.key");
  } else {
    std::filesystem::copy(KeptKey(signing.kept), folder + "/sa.key");
  }
  const KeyPtr sa(PEM_read_PrivateKey(Open(folder + "/sa.key").get(), nullptr, nullptr, nullptr),
                  &EVP_PKEY_free);
  PEM_write_PUBKEY(Create(folder + "/sa.pub").get(), sa.get());
}

void IssueKubeClient(const std::string& pki, const KubeUser& user, const std::string& file) {
  const CertPtr ca(PEM_read_X509(Open(pki + "/ca.pem").get(), nullptr, nullptr, nullptr),
                   &X509_free);
  const KeyPtr ca_key(PEM_read_PrivateKey(Open(pki + "/ca.key").get(), nullptr, nullptr, nullptr),
                      &EVP_PKEY_free);
  const KeyPtr key = NewKey();
  const CertPtr certificate = Certify(key.get(), user, {ca.get(), ca_key.get()}, nullptr);
  Write(certificate.get(), key.get(), file);
}

}  // namespace signet::test
