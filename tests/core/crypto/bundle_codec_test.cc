// Rows BUN-* and X509-29 … X509-35 that bind a publisher's or a reader's codec.
#include "core/crypto/bundle_codec.h"

#include <nlohmann/json.hpp>

#include "core/base/encoding.h"
#include "core/crypto/certificate.h"
#include "core/crypto/der.h"
#include "core/crypto/key.h"
#include "core/crypto/pem.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::crypto;
using Json = nlohmann::json;

namespace {

const spiffe::TrustDomain kDomain = *spiffe::TrustDomain::Parse("example.org");

Bytes MakeAuthority(const std::string& key_type = "EC") {
  test::CertOptions options = test::TestCa::CaOptions("example.org");
  options.key_type = key_type;
  return test::TestCa::WithOptions(options).der();
}

spiffe::Bundle MakeBundle() {
  spiffe::Bundle bundle{.trust_domain = kDomain};
  for (const char* type : {"EC", "P-384", "RSA"}) {
    bundle.x509_authorities.push_back({MakeAuthority(type)});
  }
  for (const KeyType type : {KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048}) {
    bundle.jwt_authorities.push_back({.spki = (*PrivateKey::Generate(type))->public_key().spki(),
                                      .key_id = std::string(KeyTypeName(type))});
  }
  bundle.sequence = 9007199254740993;  // 2^53 + 1
  bundle.refresh_hint_seconds = 300;
  return bundle;
}

/// A root with two names, one of them a bit string, and with a unique identifier.
std::string OddButGood() {
  const auto attribute = [](const std::string& oid, std::uint8_t tag, const std::string& value) {
    Bytes fields = der::Tlv(der::kOid, AsBytes(oid));
    Append(fields, der::Tlv(tag, AsBytes(value)));
    return der::Tlv(der::kSet, der::Tlv(der::kSequence, fields));
  };
  Bytes names = attribute("\x55\x04\x0a", der::kUtf8String, "some name");
  Append(names, attribute("\x55\x04\x2d", der::kBitString, std::string("\0odd", 4)));
  test::CertOptions options = test::TestCa::CaOptions("example.org");
  options.raw_subject = der::Tlv(der::kSequence, names);
  const Bytes root = test::TestCa::WithOptions(options).der();
  der::Reader outer(root);
  der::Reader certificate = *outer.Enter(der::kSequence);
  der::Reader fields = *certificate.Enter(der::kSequence);
  Bytes tbs;
  while (!fields.AtEnd()) {
    const der::Element field = *fields.Next();
    if (field.tag == 0xa3) {  // the extensions, which follow the identifier
      Append(tbs, der::Tlv(0x81, AsBytes(std::string("\0odd", 4))));
    }
    Append(tbs, field.whole);
  }
  Bytes out = der::Tlv(der::kSequence, tbs);
  while (!certificate.AtEnd()) {
    Append(out, certificate.Next()->whole);
  }
  return ToString(der::Tlv(der::kSequence, out));
}

/// One good document, to be spoilt: entry 0 is for X.509, entry 1 for JWT.
Json MakeDocument() {
  spiffe::Bundle bundle{.trust_domain = kDomain};
  bundle.x509_authorities.push_back({MakeAuthority()});
  bundle.jwt_authorities.push_back(
      {.spki = (*PrivateKey::Generate(KeyType::kEcP256))->public_key().spki(), .key_id = "k"});
  return Json::parse(*WriteBundleJson(bundle));
}

spiffe::Bundle Read(const Json& document) {
  const auto bundle = ParseBundleJson(kDomain, document.dump());
  REQUIRE_OK(bundle);
  return *bundle;
}

/// Checks that the entry at index is passed over once change was made to it, and that the other one
/// is kept.
template <class Change>
void CheckPassedOver(std::size_t index, Change change) {
  Json document = MakeDocument();
  change(document["keys"][index]);
  INFO(document.dump());
  const spiffe::Bundle bundle = Read(document);
  CHECK(bundle.x509_authorities.size() == (index == 0 ? 0 : 1));
  CHECK(bundle.jwt_authorities.size() == (index == 1 ? 0 : 1));
}

void CheckBothPassedOver(const std::string& member, const Json& value) {
  for (const std::size_t index : {0, 1}) {
    CheckPassedOver(index, [&](Json& jwk) { jwk[member] = value; });
  }
}

}  // namespace

TEST_CASE("BUN-01, BUN-02: a bundle survives JSON, with a sequence number beyond 2^53") {
  spiffe::Bundle bundle = MakeBundle();
  for (const std::uint64_t sequence : {std::uint64_t{9007199254740993}, UINT64_MAX}) {
    bundle.sequence = sequence;
    const auto json = WriteBundleJson(bundle);
    REQUIRE_OK(json);
    CHECK(json->find("\"spiffe_sequence\": " + std::to_string(sequence)) != std::string::npos);
    const auto read = ParseBundleJson(kDomain, *json);
    REQUIRE_OK(read);
    CHECK(*read == bundle);
  }
}

TEST_CASE("BUN-03, BUN-04: the refresh hint is written and read as integer seconds") {
  Json document = MakeDocument();
  CHECK_FALSE(document.contains("spiffe_refresh_hint"));  // none was set
  document["spiffe_refresh_hint"] = 300;
  CHECK(Read(document).refresh_hint_seconds == 300);
  for (const Json& bad : {Json("300"), Json(1.5), Json(-1), Json(nullptr), Json::array()}) {
    document["spiffe_refresh_hint"] = bad;
    REQUIRE_ERROR(ParseBundleJson(kDomain, document.dump()), Code::kInvalidArgument,
                  "spiffe_refresh_hint");
  }
  document.erase("spiffe_refresh_hint");
  for (const Json& bad : {Json("1"), Json(1.5), Json(-1), Json(1e30)}) {
    document["spiffe_sequence"] = bad;
    REQUIRE_ERROR(ParseBundleJson(kDomain, document.dump()), Code::kInvalidArgument,
                  "spiffe_sequence");
  }
}

TEST_CASE("BUN-05: keys must be there and may be empty") {
  const auto empty = ParseBundleJson(kDomain, R"({"keys":[]})");
  REQUIRE_OK(empty);
  CHECK(empty->x509_authorities.empty());
  for (const char* bad :
       {"{}", R"({"keys":null})", R"({"keys":{}})", R"({"Keys":[]})", "[]", "1"}) {
    INFO(bad);
    REQUIRE_ERROR(ParseBundleJson(kDomain, bad), Code::kInvalidArgument, "keys");
  }
  const auto written = WriteBundleJson(spiffe::Bundle{.trust_domain = kDomain});
  REQUIRE_OK(written);
  CHECK(Json::parse(*written)["keys"] == Json::array());
}

TEST_CASE("BUN-06: an entry of unknown type or use is passed over, the rest is kept") {
  CheckBothPassedOver("kty", "OKP");
  CheckBothPassedOver("kty", 5);
  CheckBothPassedOver("crv", "P-999");
  CheckBothPassedOver("use", "wit-svid");
  CheckBothPassedOver("use", "sig");
  Json document = MakeDocument();
  for (const Json& odd : {Json(1), Json("x"), Json(nullptr), Json::array(), Json::object()}) {
    document["keys"].push_back(odd);
  }
  CHECK(Read(document).x509_authorities.size() == 1);
  CHECK(Read(document).jwt_authorities.size() == 1);
}

TEST_CASE("BUN-08, BUN-12: an entry has the members that the specification defines, no others") {
  const Json document = Json::parse(*WriteBundleJson(MakeBundle()));
  for (const auto& [name, value] : document.items()) {
    CHECK((name == "keys" || name == "spiffe_sequence" || name == "spiffe_refresh_hint"));
  }
  for (const Json& jwk : document["keys"]) {
    std::string names;
    for (const auto& [name, value] : jwk.items()) {
      names += name + " ";
    }
    const bool x509 = jwk["use"] == "x509-svid";
    const std::string want = jwk["kty"] == "EC"
                                 ? (x509 ? "crv kty use x x5c y " : "crv kid kty use x y ")
                                 : (x509 ? "e kty n use x5c " : "e kid kty n use ");
    CHECK(names == want);
  }
}

TEST_CASE("BUN-09: use is compared with its case") {
  CheckPassedOver(0, [](Json& jwk) { jwk["use"] = "X509-SVID"; });
  CheckPassedOver(1, [](Json& jwk) { jwk["use"] = "JWT-SVID"; });
}

TEST_CASE("BUN-10: an entry without use is passed over") {
  for (const std::size_t index : {0, 1}) {
    CheckPassedOver(index, [](Json& jwk) { jwk.erase("use"); });
  }
}

TEST_CASE("BUN-11: members that nobody defined are allowed and not required") {
  Json document = MakeDocument();
  document["x"] = {{"y", 1}};
  document["keys"][0]["alg"] = "ES256";
  document.erase("spiffe_sequence");
  const spiffe::Bundle bundle = Read(document);
  CHECK(bundle.x509_authorities.size() == 1);
  CHECK(bundle.sequence == 0);
}

TEST_CASE("BUN-13: the bundle gets the trust domain that the caller names") {
  const auto other = *spiffe::TrustDomain::Parse("other.org");
  CHECK(ParseBundleJson(other, R"({"keys":[],"trust_domain":"example.org"})")->trust_domain ==
        other);
}

TEST_CASE("X509-29, X509-30: one entry a certificate, use x509-svid, without kid") {
  const spiffe::Bundle bundle = MakeBundle();
  const Json document = Json::parse(*WriteBundleJson(bundle));
  int count = 0;
  for (const Json& jwk : document["keys"]) {
    if (jwk["use"] == "x509-svid") {
      CHECK_FALSE(jwk.contains("kid"));
      ++count;
    } else {
      CHECK(jwk["kid"].is_string());
    }
  }
  CHECK(count == 3);
}

TEST_CASE("X509-31: x5c holds one certificate in standard base64, beside the key's own members") {
  const spiffe::Bundle bundle = MakeBundle();
  const Json document = Json::parse(*WriteBundleJson(bundle));
  for (std::size_t i = 0; i < 3; ++i) {
    const Json& jwk = document["keys"][i];
    REQUIRE(jwk["x5c"].size() == 1);
    const auto der = Base64Decode(jwk["x5c"][0].get<std::string>());
    REQUIRE_OK(der);
    CHECK(*der == bundle.x509_authorities[i].der);
    const Bytes spki = Certificate::Parse(*der)->spki;
    if (jwk["kty"] == "EC") {  // the point is the end of the SPKI
      const Bytes x = *Base64UrlDecode(jwk["x"].get<std::string>());
      const Bytes y = *Base64UrlDecode(jwk["y"].get<std::string>());
      CHECK(x.size() == (jwk["crv"] == "P-256" ? 32 : 48));
      Bytes point = x;
      Append(point, y);
      CHECK(Equal(ByteView(spki).last(point.size()), point));
    } else {
      CHECK(jwk["e"] == "AQAB");
      CHECK(Base64UrlDecode(jwk["n"].get<std::string>())->size() == 256);
    }
  }
  // A key beside a certificate of another key: a broken entry.
  CheckPassedOver(0, [](Json& jwk) {
    const Json other = MakeDocument()["keys"][0];
    jwk["x"] = other["x"];
    jwk["y"] = other["y"];
  });
}

TEST_CASE("X509-33: an entry without a certificate is passed over") {
  CheckPassedOver(0, [](Json& jwk) { jwk.erase("x5c"); });
  for (const Json& bad : {Json::array(), Json("x"), Json(nullptr), Json::array({1}),
                          Json::array({""}), Json::array({"!"}), Json::array({"AAAA"})}) {
    CheckPassedOver(0, [&bad](Json& jwk) { jwk["x5c"] = bad; });
  }
  const test::TestCa ca("example.org");
  const Bytes leaf = ca.IssueSvid("spiffe://example.org/web").der;
  CheckPassedOver(0, [&leaf](Json& jwk) { jwk["x5c"] = {Base64Encode(leaf)}; });
}

TEST_CASE("X509-34: certificates after the first are ignored") {
  Json document = MakeDocument();
  document["keys"][0]["x5c"].push_back(Base64Encode(MakeAuthority()));
  document["keys"][0]["x5c"].push_back("junk");
  CHECK(Read(document).x509_authorities.size() == 1);
}

TEST_CASE("JWT-15, JWT-16: a JWT entry without key id or with a broken key is passed over") {
  CheckPassedOver(1, [](Json& jwk) { jwk.erase("kid"); });
  CheckPassedOver(1, [](Json& jwk) { jwk["kid"] = ""; });
  CheckPassedOver(1, [](Json& jwk) { jwk["kid"] = 7; });
  CheckPassedOver(1, [](Json& jwk) { jwk["x"] = "AAAA"; });
  CheckPassedOver(1, [](Json& jwk) { jwk["x"] = jwk["y"]; });
  CheckPassedOver(1, [](Json& jwk) { jwk = {{"use", "jwt-svid"}, {"kid", "r"}, {"kty", "RSA"}}; });
}

TEST_CASE("an entry that appears twice counts once") {
  Json document = MakeDocument();
  document["keys"].push_back(document["keys"][0]);
  document["keys"].push_back(document["keys"][1]);
  CHECK(Read(document).x509_authorities.size() == 1);
  CHECK(Read(document).jwt_authorities.size() == 1);
}

TEST_CASE("text that is not one JSON document, or has a member twice, is refused") {
  const struct {
    std::string text;
    const char* why;
  } kCases[] = {
      {"", "no JSON"},
      {"{", "no JSON"},
      {R"({"keys":[]} x)", "no JSON"},
      {R"({"keys":[],"keys":[]})", "member twice"},
      {R"({"keys":[{"use":"a","use":"b"}]})", "member twice"},
      {R"({"keys":[],"ke\u0079s":[]})", "member twice"},
      {"{\"keys\":[\"\xff\"]}", "no JSON"},
      {R"({"keys":)" + std::string(8, '[') + std::string(8, ']') + "}", "deeper than 8"},
      {std::string(100'000, '['), "deeper than 8"},
      {std::string(1024 * 1024 + 1, ' '), "1 MiB"},
  };
  for (const auto& c : kCases) {
    INFO(c.text.substr(0, 60));
    REQUIRE_ERROR(ParseBundleJson(kDomain, c.text), Code::kInvalidArgument, c.why);
  }
  CHECK(ParseBundleJson(kDomain, R"({"keys":)" + std::string(7, '[') + std::string(7, ']') + "}")
            .ok());
}

TEST_CASE("a bundle that should not be published is not written") {
  const test::TestCa ca("example.org");
  spiffe::Bundle leaf{.trust_domain = kDomain};
  leaf.x509_authorities.push_back({ca.IssueSvid("spiffe://example.org/web").der});
  REQUIRE_ERROR(WriteBundleJson(leaf), Code::kInvalidArgument, "not a CA");
  spiffe::Bundle nameless{.trust_domain = kDomain};
  nameless.jwt_authorities.push_back(
      {.spki = (*PrivateKey::Generate(KeyType::kEcP256))->public_key().spki(), .key_id = ""});
  REQUIRE_ERROR(WriteBundleJson(nameless), Code::kInvalidArgument, "no id");
}

TEST_CASE("a bundle's X.509 authorities survive PEM, and PEM of anything else is refused") {
  const spiffe::Bundle bundle = MakeBundle();
  const auto read = ParseBundlePem(kDomain, WriteBundlePem(bundle));
  REQUIRE_OK(read);
  CHECK(read->x509_authorities == bundle.x509_authorities);
  CHECK(read->jwt_authorities.empty());
  REQUIRE_ERROR(ParseBundlePem(kDomain, "# nothing\n"), Code::kInvalidArgument, "no certificate");
  REQUIRE_ERROR(ParseBundlePem(kDomain, PemEncode("PRIVATE KEY", Bytes{1})), Code::kInvalidArgument,
                "block 1");
  const test::TestCa ca("example.org");
  REQUIRE_ERROR(ParseBundlePem(kDomain, PemEncode("CERTIFICATE", ca.IssueSvid("spiffe://a/b").der)),
                Code::kInvalidArgument, "not a CA");
}

TEST_CASE("WL-16: authorities concatenate to a list of certificates") {
  const spiffe::Bundle bundle = MakeBundle();
  const auto list = ParseCertificateList(ConcatenateX509(bundle));
  REQUIRE_OK(list);
  REQUIRE(list->size() == 3);
  CHECK(list->back().der == bundle.x509_authorities.back().der);
}

TEST_CASE("an authority that other programs cannot read is none") {
  // To what is in a good one. OpenSSL takes the last three, and an Envoy refuses the roots of all
  // trust domains for any of them.
  struct Case {
    const char* what;
    std::string from, to;
    const char* want;
  };
  using namespace std::string_literals;
  const Case cases[] = {
      {"a name that says UTF-8 and is not", "some name", "some\xffname", "libcrypto"},
      {"a public key that is no bit string", "\x03\x42\x00\x04"s, "\x04\x42\x00\x04"s, "tag"},
      {"a name of a broken byte", "\x03\x04\x00odd"s, "\x03\x04\x07odd", "whole bytes"},
      {"a public key of a broken byte", "\x03\x42\x00\x04"s, "\x03\x42\x07\x04", "whole bytes"},
      {"a unique identifier of a broken byte", "\x81\x04\x00odd"s, "\x81\x04\x07odd",
       "whole bytes"},
  };
  const std::string good = OddButGood();
  REQUIRE_OK(ValidateAuthority(AsBytes(good)));
  for (const Case& c : cases) {
    INFO(c.what);
    std::string text = good;
    REQUIRE(text.find(c.from) != std::string::npos);
    for (std::size_t at = 0; (at = text.find(c.from, at)) != std::string::npos;) {
      text.replace(at, c.from.size(), c.to);
    }
    REQUIRE_ERROR(ValidateAuthority(AsBytes(text)), Code::kInvalidArgument, c.want);
  }
}
