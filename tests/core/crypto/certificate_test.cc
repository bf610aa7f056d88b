#include "core/crypto/certificate.h"

#include <fstream>
#include <iterator>

#include "core/base/encoding.h"
#include "core/crypto/der.h"
#include "core/crypto/pem.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::crypto;

namespace {

Certificate Load(const std::string& folder) {
  std::ifstream in(std::string(SIGNET_TEST_DATA) + "/x509/" + folder + "/chain.pem");
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const auto blocks = PemDecode(text);
  REQUIRE_OK(blocks);
  const auto certificate = Certificate::Parse(blocks->front().content);
  REQUIRE_OK(certificate);
  return *certificate;
}

}  // namespace

TEST_CASE("a certificate's fields are those that openssl x509 -text shows") {
  const Certificate leaf = Load("good-ec");
  CHECK(leaf.serial_decimal == "1005");
  CHECK(HexEncode(leaf.serial) == "03ed");
  CHECK(FormatTime(leaf.not_before) == "2026-09-21T13:13:20Z");
  CHECK(FormatTime(leaf.not_after) == "2026-09-21T15:13:20Z");
  CHECK(leaf.signature_algorithm == SignatureAlgorithm::kEcdsaSha256);
  CHECK(leaf.has_basic_constraints);
  CHECK_FALSE(leaf.is_ca);
  CHECK_FALSE(leaf.path_length.has_value());
  CHECK(leaf.key_usage == (kDigitalSignature | kKeyEncipherment | kKeyAgreement));
  CHECK(leaf.key_usage_critical);
  CHECK(leaf.has_extended_key_usage);
  CHECK(leaf.eku_server_auth);
  CHECK(leaf.eku_client_auth);
  CHECK_FALSE(leaf.eku_any);
  CHECK(leaf.has_subject_alt_name);
  CHECK_FALSE(leaf.subject_alt_name_critical);
  CHECK(leaf.uri_sans == std::vector<std::string>{"spiffe://example.org/web"});
  CHECK(leaf.dns_sans.empty());
  CHECK(HexEncode(leaf.subject_key_id) == "d859022c0d74343bf6a4e23ae21bfc7c9b97b5c0");
  CHECK(HexEncode(leaf.authority_key_id) == "d03c4bcb974bc333fe3b664a2fdde16001088207");
  CHECK_FALSE(leaf.has_unknown_critical_extension);
  const auto key = PublicKey::FromSpki(leaf.spki);
  REQUIRE_OK(key);
  CHECK(key->subject_key_id() == leaf.subject_key_id);
}

TEST_CASE("a certificate's signature fits its issuer's key over the signed part") {
  const test::TestCa ca("example.org");
  const auto root = Certificate::Parse(ca.der());
  REQUIRE_OK(root);
  const auto leaf = Certificate::Parse(ca.IssueSvid("spiffe://example.org/web").der);
  REQUIRE_OK(leaf);
  const auto key = PublicKey::FromSpki(root->spki);
  REQUIRE_OK(key);
  REQUIRE_OK(key->Verify(leaf->signature_algorithm, leaf->tbs, leaf->signature));
  REQUIRE_OK(key->Verify(root->signature_algorithm, root->tbs, root->signature));
  CHECK(leaf->issuer == root->subject);
  CHECK(root->is_ca);
  CHECK(root->key_usage == (kKeyCertSign | kCrlSign));
}

TEST_CASE("names of all kinds, path lengths and unknown critical extensions are seen") {
  const Certificate names = Load("good-other-names");
  CHECK(names.dns_sans == std::vector<std::string>{"a.example.org", "b.example.org", "c"});
  CHECK(names.uri_sans.size() == 1);
  CHECK(Load("good-empty-subject").subject == Bytes{0x30, 0x00});
  CHECK(Load("good-empty-subject").subject_alt_name_critical);
  CHECK(Load("unknown-critical").has_unknown_critical_extension);
  CHECK_FALSE(Load("good-unknown-extension").has_unknown_critical_extension);
  CHECK_FALSE(Load("good-no-basic-constraints").has_basic_constraints);
  CHECK_FALSE(Load("leaf-no-key-usage").key_usage.has_value());
  CHECK(Load("leaf-eku-any-only").eku_any);
  const test::TestCa ca("example.org");
  test::CertOptions limited = test::TestCa::CaOptions("example.org");
  limited.basic_constraints = "critical,CA:TRUE,pathlen:3";
  CHECK(Certificate::Parse(ca.IssueCa(limited).der())->path_length == 3);
}

TEST_CASE("an end in the year 9999 becomes the last second that SystemTime can hold") {
  const Certificate leaf = Load("good-year-9999");
  CHECK(FormatTime(leaf.not_after) == "2262-04-11T23:47:16Z");
}

TEST_CASE("a 128-bit serial is written in decimal as SPIRE stores it") {
  // Expected values from Python.
  const test::TestCa ca("example.org");
  Bytes der = ca.der();
  const Certificate root = *Certificate::Parse(der);
  const auto with_serial = [&](const char* hex) {
    const Bytes magnitude = *HexDecode(hex);
    // [0]{2} and the old serial make way for the new serial; lengths are rebuilt outside in.
    der::Reader outer(root.tbs);
    der::Reader fields = *outer.Enter(der::kSequence);
    const Bytes version = ToBytes(fields.Next()->whole);
    (void)fields.Next();
    const Bytes tbs = der::Sequence({version, der::Unsigned(magnitude), fields.rest()});
    const auto changed = Certificate::Parse(der::Sequence(
        {tbs, AlgorithmIdentifier(root.signature_algorithm), der::BitString(root.signature)}));
    REQUIRE_OK(changed);
    return changed->serial_decimal;
  };
  CHECK(with_serial("ffffffffffffffffffffffffffffffff") ==
        "340282366920938463463374607431768211455");
  CHECK(with_serial("0a3f") == "2623");
  CHECK(with_serial("01") == "1");
  CHECK(with_serial("8000000000000000000000000000000000000000") ==
        "730750818665451459101842416358141509827966271488");
}

TEST_CASE("a certificate cut anywhere is refused") {
  const test::TestCa ca("example.org");
  for (std::size_t size = 0; size < ca.der().size(); ++size) {
    INFO(size);
    CHECK_FALSE(Certificate::Parse(ByteView(ca.der()).first(size)).ok());
  }
}

TEST_CASE("a list takes 64 certificates and no more") {
  const test::TestCa ca("example.org");
  Bytes list;
  for (int i = 0; i < 64; ++i) {
    Append(list, ca.der());
  }
  CHECK(ParseCertificateList(list)->size() == 64);
  Append(list, ca.der());
  REQUIRE_ERROR(ParseCertificateList(list), Code::kInvalidArgument, "64");
  CHECK(ParseCertificateList({})->empty());
}
