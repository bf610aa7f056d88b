#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"

namespace signet::test {

/// CertOptions says what a test certificate holds. Extensions are written in OpenSSL's
/// configuration words and left out when empty, so that wrong ones are as easy to make as right
/// ones.
struct CertOptions {
  std::vector<std::string> uris = {};
  std::vector<std::string> dns = {};
  std::string basic_constraints = "critical,CA:FALSE";
  std::string key_usage = "critical,digitalSignature,keyEncipherment,keyAgreement";
  std::string extended_key_usage = "serverAuth,clientAuth";
  std::string common_name = {};
  std::string subject_key_id = "hash";  ///< or hexadecimal
  Bytes raw_subject = {};               ///< a Name as it stands, instead of the usual one
  std::string key_type = "EC";          ///< "EC" (P-256), "P-384" or "RSA" (2048)
  SystemTime not_before = FromUnixSeconds(1'790'000'000) - std::chrono::hours(1);
  SystemTime not_after = FromUnixSeconds(1'790'000'000) + std::chrono::hours(1);
};

/// TestCert is a certificate with its key.
struct TestCert {
  Bytes der;
  Bytes key_pkcs8;  ///< PKCS#8, DER, unencrypted
};

/// TestCa makes certificates by textbook OpenSSL calls, with no code of the product, so that one
/// can judge the other. The default times fit FakeClock's start. Any failure aborts with text.
class TestCa {
 public:
  /// A self-signed root whose URI is "spiffe://" + trust_domain.
  explicit TestCa(const std::string& trust_domain, SystemTime now = FromUnixSeconds(1'790'000'000));
  /// A self-signed root with everything chosen.
  static TestCa WithOptions(const CertOptions& options);
  /// The options of a proper root, to start from.
  static CertOptions CaOptions(const std::string& trust_domain,
                               SystemTime now = FromUnixSeconds(1'790'000'000));
  TestCa(TestCa&&) noexcept;
  TestCa& operator=(TestCa&&) noexcept;
  ~TestCa();

  const Bytes& der() const;
  Bytes key_pkcs8() const;
  /// A proper SVID for the ID, valid an hour around the time the CA was made for.
  TestCert IssueSvid(const std::string& spiffe_id) const;
  TestCert Issue(const CertOptions& options) const;
  /// Another self-signed root with this one's key.
  TestCa Renewed(const CertOptions& options) const;
  /// A CA below this one.
  TestCa IssueCa(const CertOptions& options) const;

 private:
  struct Impl;
  explicit TestCa(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace signet::test
