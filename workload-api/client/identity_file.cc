#include "workload-api/client/identity_file.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/secret.h"
#include "core/crypto/pem.h"
#include "workload-api/client/tls_material.h"

namespace signet::client {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

void Wipe(std::string& text) {
  WipeBytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

Error SystemError(const char* what) { return Internal(std::string(what) + ": " + strerror(errno)); }

Status WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = write(fd, content.data(), content.size());
    if (n < 0 && errno != EINTR) {
      return SystemError("cannot write the identity to memory");
    }
    content.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
  }
  return {};
}

// Each generation has a time of its own: by it the library's reader notices that the file was
// replaced between two of its steps, which within the same second it otherwise would not. 0 would
// mean to it that there is no file.
Result<UniqueFd> MakeFile(std::string_view content, long generation) {
  UniqueFd fd(memfd_create("signet-identity", MFD_CLOEXEC));
  if (!fd || fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0) {
    return SystemError("cannot keep an identity in memory");
  }
  SIGNET_TRY(WriteAll(fd.get(), content));
  const timespec times[2] = {{generation, 0}, {generation, 0}};
  if (futimens(fd.get(), times) != 0) {
    return SystemError("cannot keep an identity in memory");
  }
  return fd;
}

// A pair that the library accepts and no peer does: valid for no time, for no name.
Result<std::string> MakePlaceholder() {
  const OpensslPtr<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const OpensslPtr<X509> x509(X509_new());
  const bool made = key != nullptr && x509 != nullptr && X509_set_version(x509.get(), 2) == 1 &&
                    ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1) == 1 &&
                    ASN1_TIME_set(X509_getm_notBefore(x509.get()), 0) != nullptr &&
                    ASN1_TIME_set(X509_getm_notAfter(x509.get()), 0) != nullptr &&
                    X509_set_pubkey(x509.get(), key.get()) == 1 &&
                    X509_sign(x509.get(), key.get(), EVP_sha256()) > 0;
  const BioPtr out(BIO_new(BIO_s_mem()), BIO_free);
  if (!made || out == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1 ||
      PEM_write_bio_X509(out.get(), x509.get()) != 1) {
    ERR_clear_error();
    return Internal("OpenSSL cannot make a certificate");
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace

Result<IdentityPem> IdentityPem::From(const X509Context& context) {
  const X509Identity& identity = context.default_identity();
  if (identity.key == nullptr || identity.key->public_key().spki() != identity.svid.leaf().spki) {
    return FailedPrecondition("the key of " + identity.id().ToString() +
                              " does not fit its certificate");
  }
  SIGNET_TRY_ASSIGN(const Secret key, identity.key->ToPkcs8());
  IdentityPem pem;
  pem.key = crypto::PemEncode("PRIVATE KEY", key.RevealSecret());
  for (const crypto::Certificate& certificate : identity.svid.chain) {
    pem.chain += crypto::PemEncode("CERTIFICATE", certificate.der);
  }
  return pem;
}

IdentityPem::~IdentityPem() { Wipe(key); }

Result<std::unique_ptr<IdentityFile>> IdentityFile::Create() {
  SIGNET_TRY_ASSIGN(std::string placeholder, MakePlaceholder());
  SIGNET_TRY_ASSIGN(UniqueFd fd, MakeFile(placeholder, 1));
  std::unique_ptr<IdentityFile> file(new IdentityFile(std::move(fd), std::move(placeholder)));
  if (access(file->path().c_str(), R_OK) != 0) {
    return FailedPrecondition("no " + file->path() + ": is /proc mounted? gRPC servers need it");
  }
  return file;
}

IdentityFile::IdentityFile(UniqueFd fd, std::string placeholder)
    : fd_(std::move(fd)),
      path_("/proc/self/fd/" + std::to_string(fd_.get())),
      placeholder_(std::move(placeholder)) {}

Status IdentityFile::Update(const X509Snapshot& snapshot, SystemTime now) {
  Status taken;
  if (std::exchange(seen_, snapshot) != snapshot && snapshot != nullptr) {
    taken = Take(snapshot);
  }
  if (shown_ != nullptr && snapshot == nullptr) {
    return Retire(Unavailable("the agent took our identity away"));
  }
  if (shown_ != nullptr && shown_->default_identity().svid.leaf().not_after < now) {
    return Retire(Unavailable("our identity has expired"));
  }
  return taken;
}

Status IdentityFile::Take(const X509Snapshot& snapshot) {
  SIGNET_TRY_ASSIGN(const IdentityPem pem, IdentityPem::From(*snapshot));
  std::string content = pem.key + pem.chain;
  const Status replaced = Replace(content);
  Wipe(content);
  SIGNET_TRY(replaced);
  shown_ = snapshot;
  return {};
}

Status IdentityFile::Retire(Error why) {
  SIGNET_TRY(Replace(placeholder_));
  shown_ = nullptr;
  return why;
}

Status IdentityFile::Replace(std::string_view content) {
  SIGNET_TRY_ASSIGN(const UniqueFd next, MakeFile(content, ++generation_));
  // From here on, and in one step, the number means the next file.
  if (dup3(next.get(), fd_.get(), O_CLOEXEC) < 0) {
    return SystemError("cannot switch to the next identity");
  }
  return {};
}

}  // namespace signet::client
