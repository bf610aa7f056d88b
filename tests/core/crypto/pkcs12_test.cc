// PKCS#12 files, judged by those who read them: openssl, Python's cryptography, Java's keytool.
#include "core/crypto/pkcs12.h"

#include <fstream>

#include "core/crypto/pem.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"
#include "tests/support/shell.h"
#include "tests/support/temp_dir.h"

using namespace signet;
using namespace signet::crypto;

namespace {

const std::string kId = "spiffe://example.org/web";

Secret Text(const std::string& text) { return Secret(ToBytes(text)); }

test::TestCa MakeCa(const std::string& name) {
  test::CertOptions options = test::TestCa::CaOptions("example.org");
  options.common_name = name;
  return test::TestCa::WithOptions(options);
}

/// Identity is a leaf below an intermediate, and two roots.
struct Identity {
  explicit Identity(const std::string& key_type = "EC") {
    leaf = below.Issue({.uris = {kId}, .key_type = key_type});
    key = Secret(Bytes(leaf.key_pkcs8));
    chain = {leaf.der, below.der()};
  }

  Result<Bytes> Write(const std::string& password = "open sesame") const {
    return WritePkcs12({.friendly_name = kId, .key = key, .chain = chain, .roots = roots},
                       Text(password));
  }

  test::TestCa ca = MakeCa("first root");
  test::TestCa below = ca.IssueCa([] {
    test::CertOptions options = test::TestCa::CaOptions("example.org");
    options.common_name = "intermediate";
    return options;
  }());
  test::TestCert leaf;
  Secret key;
  std::vector<Bytes> chain;
  std::vector<Bytes> roots = {ca.der(), MakeCa("second root").der()};
};

/// File is a PKCS#12 file on disk.
struct File {
  explicit File(const Identity& identity) {
    const auto der = identity.Write();
    REQUIRE_OK(der);
    std::ofstream(path, std::ios::binary) << AsText(*der);
  }
  const test::TempDir temp;
  const std::string path = temp.File("web.p12");
};

std::size_t Count(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) {
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("openssl opens the file and finds key, chain and roots in it, encrypted as announced") {
  for (const char* key_type : {"EC", "RSA"}) {
    const Identity identity(key_type);
    const File file(identity);
    const std::string open = "openssl pkcs12 -in " + file.path + " -passin 'pass:open sesame' ";
    const test::ShellOutput all = test::Shell(open + "-info -nodes");
    INFO(all.text);
    REQUIRE(all.status == 0);
    CHECK_THAT(all.text, Catch::Contains("MAC: sha256, Iteration 100000"));
    CHECK(Count(all.text, "PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256") == 2);
    CHECK(Count(all.text, "friendlyName: " + kId + "\n") == 2);
    CHECK(Count(all.text, "BEGIN CERTIFICATE") == 4);
    for (const auto* const certificates : {&identity.chain, &identity.roots}) {
      for (const Bytes& der : *certificates) {
        CHECK_THAT(all.text, Catch::Contains(PemEncode("CERTIFICATE", der)));
      }
    }
    CHECK_THAT(all.text, Catch::Contains(PemEncode("PRIVATE KEY", identity.key.RevealSecret())));
    CHECK_THAT(test::Shell(open + "-clcerts -nokeys").text,
               Catch::Contains(PemEncode("CERTIFICATE", identity.chain[0])));
    CHECK(test::Shell("openssl pkcs12 -in " + file.path + " -passin pass:wrong -nokeys").status !=
          0);
  }
}

TEST_CASE("Python's cryptography opens the file") {
  if (test::Shell("/usr/bin/python3 -c 'import cryptography'").status != 0) {
    WARN("NOT PROVED: PKCS#12 files in Python; there is no python3-cryptography");
    return;
  }
  const Identity identity;
  const File file(identity);
  const test::ShellOutput out = test::Shell(
      "/usr/bin/python3 -c \"import sys\n"
      "from cryptography.hazmat.primitives.serialization import pkcs12\n"
      "p = pkcs12.load_pkcs12(open('" +
      file.path +
      "', 'rb').read(), b'open sesame')\n"
      "print(p.cert.friendly_name.decode(), len(p.additional_certs))\n"
      "print(p.cert.certificate.public_key() .public_numbers() == "
      "p.key.public_key().public_numbers())\"");
  CHECK(out.text == kId + " 3\nTrue\n");
}

TEST_CASE("keytool finds one key with its chain, and each root trusted") {
  if (test::Shell("keytool -help").status != 0) {
    WARN("NOT PROVED: PKCS#12 files in Java; there is no keytool");
    return;
  }
  const Identity identity;
  const File file(identity);
  const test::ShellOutput out = test::Shell(
      "keytool -list -v -storetype PKCS12 -storepass 'open sesame' -keystore " + file.path);
  INFO(out.text);
  CHECK_THAT(out.text, Catch::Contains("contains 3 entries"));
  CHECK_THAT(out.text, Catch::Contains("Alias name: " + kId));
  CHECK(Count(out.text, "Entry type: PrivateKeyEntry") == 1);
  CHECK(Count(out.text, "Entry type: trustedCertEntry") == 2);
  CHECK_THAT(out.text, Catch::Contains("Certificate chain length: 3"));  // with the signing root
  CHECK_THAT(out.text, Catch::Contains("Alias name: root 1"));
  CHECK_THAT(out.text, Catch::Contains("Alias name: root 2"));
}

TEST_CASE("the same content gives the same bytes, and a change of any part others") {
  Identity identity;
  const auto once = identity.Write();
  REQUIRE_OK(once);
  CHECK(*identity.Write() == *once);
  CHECK_FALSE(*identity.Write("another") == *once);
  identity.roots.pop_back();
  const auto fewer = identity.Write();
  REQUIRE_OK(fewer);
  // Nothing that is random is shared: the last 40 bytes are the MAC's salt and its iterations.
  const auto salt = [](const Bytes& der) { return Bytes(der.end() - 21, der.end() - 5); };
  CHECK_FALSE(salt(*fewer) == salt(*once));
  CHECK(salt(*identity.Write("another")) == salt(*fewer));  // the password is not in the salt
}

TEST_CASE("what cannot go into a PKCS#12 file is refused") {
  const Identity identity;
  for (const std::string& bad : {std::string(), std::string(129, 'a'), std::string("caf\xc3\xa9"),
                                 std::string("a\n"), std::string("a\0b", 3)}) {
    REQUIRE_ERROR(identity.Write(bad), Code::kInvalidArgument, "printable ASCII");
  }
  REQUIRE_OK(identity.Write(std::string(128, '~')));
  Identity broken;
  broken.roots = {ToBytes("junk")};
  REQUIRE_ERROR(broken.Write(), Code::kInvalidArgument, "malformed certificate");
  broken.chain.clear();
  REQUIRE_ERROR(broken.Write(), Code::kInvalidArgument, "needs a certificate");
  Identity keyless;
  keyless.key = Text("junk");
  REQUIRE_ERROR(keyless.Write(), Code::kInvalidArgument, "not one PKCS#8");
}
