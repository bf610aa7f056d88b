// Wrong certificates come from textbook OpenSSL (test_pki): each row must be named by the linter.
#include "ca/issuance/linter.h"

#include <algorithm>

#include "tests/support/pki.h"
#include "tests/support/result.h"

namespace signet::issuance {
namespace {

using signet::test::CertOptions;
using signet::test::TestCa;

const SystemTime kNow = FromUnixSeconds(1'790'000'000);

spiffe::TrustDomain Domain() { return spiffe::TrustDomain::Parse("example.org").value(); }

crypto::Certificate Parse(const Bytes& der) { return crypto::Certificate::Parse(der).value(); }

bool Names(const Violations& violations, std::string_view row) {
  return std::any_of(violations.begin(), violations.end(),
                     [&](const auto& v) { return v.starts_with(row); });
}

std::string Text(const Violations& violations) {
  std::string text;
  for (const auto& violation : violations) {
    text += violation + "\n";
  }
  return text;
}

CertOptions GoodLeaf() { return {.uris = {"spiffe://example.org/a"}, .common_name = "a"}; }

// Lints a leaf against what it says itself, except for the identity, which was asked for.
Violations LintLeaf(const TestCa& ca, const CertOptions& options,
                    const std::string& id = "spiffe://example.org/a") {
  const auto leaf = Parse(ca.Issue(options).der);
  const auto spiffe_id = spiffe::SpiffeId::Parse(id).value();
  const auto key = crypto::PublicKey::FromSpki(leaf.spki).value();
  const auto authority = Parse(ca.der());
  return LintSvid(leaf, {.ca = authority,
                         .public_key = key,
                         .spiffe_id = spiffe_id,
                         .dns_names = options.dns,
                         .not_before = options.not_before,
                         .not_after = options.not_after});
}

struct Row {
  const char* row;
  std::function<void(CertOptions&)> spoil;
};

}  // namespace

TEST_CASE(
    "X509-01, X509-12, X509-13, X509-15, X509-17, X509-18, X509-20, X509-21: a leaf that breaks "
    "the row is named by the linter") {
  const std::vector<Row> rows = {
      {"X509-01", [](auto& o) { o.uris = {"spiffe://example.org/b"}; }},
      {"X509-01", [](auto& o) { o.uris.push_back("https://example.org/"); }},
      {"X509-01", [](auto& o) { o.uris = {}; }},
      {"X509-12", [](auto& o) { o.basic_constraints = "critical,CA:TRUE"; }},
      {"X509-12", [](auto& o) { o.basic_constraints = ""; }},
      {"X509-13", [](auto& o) { o.basic_constraints = "critical,CA:TRUE,pathlen:0"; }},
      {"X509-15", [](auto& o) { o.key_usage = ""; }},
      {"X509-15", [](auto& o) { o.key_usage = "digitalSignature"; }},
      {"X509-17", [](auto& o) { o.key_usage = "critical,keyAgreement"; }},
      {"X509-17", [](auto& o) { o.key_usage = "critical,digitalSignature,nonRepudiation"; }},
      {"X509-18", [](auto& o) { o.key_usage = "critical,digitalSignature,keyCertSign"; }},
      {"X509-18", [](auto& o) { o.key_usage = "critical,digitalSignature,cRLSign"; }},
      {"X509-20", [](auto& o) { o.extended_key_usage = ""; }},
      {"X509-21", [](auto& o) { o.extended_key_usage = "clientAuth"; }},
      {"X509-21", [](auto& o) { o.extended_key_usage = "serverAuth"; }},
      {"profile: outlives", [](auto& o) { o.not_after = kNow + std::chrono::hours(24 * 5000); }},
  };
  const TestCa ca("example.org");
  INFO(Text(LintLeaf(ca, GoodLeaf())));
  CHECK(LintLeaf(ca, GoodLeaf()).empty());
  for (const auto& row : rows) {
    CertOptions options = GoodLeaf();
    row.spoil(options);
    const auto violations = LintLeaf(ca, options);
    INFO(row.row << " expected, got:\n" << Text(violations));
    CHECK(Names(violations, row.row));
  }
}

TEST_CASE(
    "X509-04, X509-08: a leaf without a path, or under another domain's authority, is named") {
  CertOptions root_path = GoodLeaf();
  root_path.uris = {"spiffe://example.org"};
  CHECK(Names(LintLeaf(TestCa("example.org"), root_path, "spiffe://example.org"), "X509-04"));
  CHECK(Names(LintLeaf(TestCa("other.org"), GoodLeaf()), "X509-08"));
}

TEST_CASE("X509-05: an empty subject asks for a critical SAN") {
  const TestCa ca("example.org");
  auto leaf = Parse(ca.Issue(GoodLeaf()).der);
  leaf.subject = {0x30, 0x00};
  const auto id = spiffe::SpiffeId::Parse("spiffe://example.org/a").value();
  const auto key = crypto::PublicKey::FromSpki(leaf.spki).value();
  const auto authority = Parse(ca.der());
  const auto violations = LintSvid(leaf, {.ca = authority,
                                          .public_key = key,
                                          .spiffe_id = id,
                                          .dns_names = {},
                                          .not_before = leaf.not_before,
                                          .not_after = leaf.not_after});
  CHECK(Names(violations, "X509-05"));
  CHECK(violations.size() == 1);
}

TEST_CASE("linter: a leaf that differs from what was asked for is named") {
  const TestCa ca("example.org");
  const auto leaf = Parse(ca.Issue(GoodLeaf()).der);
  const auto other = Parse(ca.Issue(GoodLeaf()).der);
  const auto id = spiffe::SpiffeId::Parse("spiffe://example.org/a").value();
  const auto key = crypto::PublicKey::FromSpki(other.spki).value();
  const auto stranger = Parse(TestCa("example.org").der());
  const std::vector<std::string> dns = {"x"};
  const auto violations = LintSvid(leaf, {.ca = stranger,
                                          .public_key = key,
                                          .spiffe_id = id,
                                          .dns_names = dns,
                                          .not_before = kNow,
                                          .not_after = kNow});
  for (const char* want :
       {"profile: another public key", "profile: SubjectKeyId", "profile: AuthorityKeyId",
        "profile: other DNS names", "profile: other validity"}) {
    INFO(want << " expected, got:\n" << Text(violations));
    CHECK(Names(violations, want));
  }
  CHECK(Names(LintSignature(leaf, stranger), "X509-23"));
  CHECK(LintSignature(leaf, Parse(ca.der())).empty());
}

TEST_CASE(
    "X509-06, X509-07, X509-08, X509-11, X509-15, X509-16, X509-19, X509-22: an authority that "
    "breaks the row is named by the linter") {
  const std::vector<Row> rows = {
      {"X509-06", [](auto& o) { o.uris = {}; }},
      {"X509-06", [](auto& o) { o.uris = {"https://example.org"}; }},
      {"X509-07", [](auto& o) { o.uris = {"spiffe://example.org/ca"}; }},
      {"X509-08", [](auto& o) { o.uris = {"spiffe://other.org"}; }},
      {"X509-11", [](auto& o) { o.basic_constraints = "critical,CA:FALSE"; }},
      {"X509-11", [](auto& o) { o.basic_constraints = ""; }},
      {"X509-15", [](auto& o) { o.key_usage = "keyCertSign,cRLSign"; }},
      {"X509-15", [](auto& o) { o.key_usage = ""; }},
      {"X509-16", [](auto& o) { o.key_usage = "critical,cRLSign"; }},
      {"X509-19", [](auto& o) { o.key_usage = "critical,keyCertSign,digitalSignature"; }},
      {"X509-22", [](auto& o) { o.extended_key_usage = "serverAuth,clientAuth"; }},
  };
  const CertOptions good = TestCa::CaOptions("example.org", kNow);
  const auto fine = LintCa(Parse(TestCa::WithOptions(good).der()), Domain());
  INFO(Text(fine));
  CHECK(fine.empty());
  for (const auto& row : rows) {
    CertOptions options = good;
    row.spoil(options);
    const auto violations = LintCa(Parse(TestCa::WithOptions(options).der()), Domain());
    INFO(row.row << " expected, got:\n" << Text(violations));
    CHECK(Names(violations, row.row));
  }
}

TEST_CASE("linter: a status lists every violation") {
  REQUIRE_OK(LintStatus({}));
  REQUIRE_ERROR(LintStatus({"X509-12: a", "X509-15: b"}), Code::kInternal,
                "X509-12: a; X509-15: b");
}

}  // namespace signet::issuance
