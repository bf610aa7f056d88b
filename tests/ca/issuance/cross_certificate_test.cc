// Cross-certificates are judged by the openssl command: what a server would do that has our root
// and theirs in one file of CA certificates.
#include "ca/issuance/cross_certificate.h"

#include "ca/issuance/x509_issuer.h"
#include "core/base/encoding.h"
#include "core/base/files.h"
#include "core/crypto/pem.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"
#include "tests/support/shell.h"
#include "tests/support/temp_dir.h"

namespace signet::issuance {
namespace {

using signet::test::CertOptions;
using signet::test::TempDir;
using signet::test::TestCa;
using std::chrono::hours;

const SystemTime kNow = FromUnixSeconds(1'790'000'000);
const std::string kTheirs = "other.test";

spiffe::TrustDomain Domain(const std::string& name) {
  return spiffe::TrustDomain::Parse(name).value();
}

CertOptions TheirOptions(const std::string& common_name = {}) {
  CertOptions options = TestCa::CaOptions(kTheirs);
  options.common_name = common_name;
  return options;
}

/// Ours is an authority of example.org.
struct Ours {
  explicit Ours(crypto::KeyType type = crypto::KeyType::kEcP256, Duration ttl = hours(24))
      : key(crypto::PrivateKey::Generate(type).value()),
        ca(SelfSignCa(
               *key,
               {.trust_domain = Domain("example.org"), .subject = {"US", "TEST", ""}, .ttl = ttl},
               kNow, random)
               .value()),
        issuer(X509Issuer::Create(Domain("example.org"), ca, key, random).value()) {}

  Result<crypto::Certificate> Certify(const Bytes& root, const std::string& name = kTheirs) const {
    SIGNET_TRY_ASSIGN(const ForeignRoot judged, JudgeForeignRoot(Domain(name), root, kNow));
    return issuer->CrossCertify(judged, kNow);
  }

  SystemRandom random;
  std::shared_ptr<const crypto::PrivateKey> key;
  crypto::Certificate ca;
  std::shared_ptr<const X509Issuer> issuer;
};

/// Server is an OpenSSL server's file of CA certificates: our root, and theirs as a
/// cross-certificate.
class Server {
 public:
  Server(const Ours& ours, const Bytes& cross) { Write("ca.pem", {ours.ca.der, cross}); }

  /// Verify gives openssl's answer: "OK", or its reason.
  std::string Verify(const std::vector<Bytes>& chain, const std::string& flags = {}) const {
    Write("leaf.pem", {chain.front()});
    Write("untrusted.pem", {chain.begin() + 1, chain.end()});
    const std::string command =
        "openssl verify -attime 1790000000 " + flags + " -CAfile " + dir_.File("ca.pem") +
        (chain.size() > 1 ? " -untrusted " + dir_.File("untrusted.pem") : std::string()) + " " +
        dir_.File("leaf.pem");
    const std::string output = test::Shell(command).text;
    return output.ends_with("leaf.pem: OK\n") ? "OK" : output;
  }

 private:
  void Write(const std::string& name, const std::vector<Bytes>& certificates) const {
    std::string pem;
    for (const Bytes& der : certificates) {
      pem += crypto::PemEncode("CERTIFICATE", der);
    }
    REQUIRE_OK(WriteFileAtomic(dir_.File(name), AsBytes(pem)));
  }
  TempDir dir_;
};

CertOptions Leaf(const std::string& uri) { return {.uris = {uri}}; }

}  // namespace

TEST_CASE("cross-certificate: their own SVIDs pass, and nobody else's that they sign") {
  const bool below = GENERATE(false, true);
  const Ours ours;
  const TestCa root = TestCa::WithOptions(TheirOptions("Other"));
  const auto cross = ours.Certify(root.der());
  REQUIRE_OK(cross);
  const Server server(ours, cross->der);

  CertOptions intermediate_options = TestCa::CaOptions(kTheirs);
  intermediate_options.basic_constraints = "critical,CA:TRUE,pathlen:0";
  const TestCa intermediate = root.IssueCa(intermediate_options);
  const TestCa& signer = below ? intermediate : root;
  const auto chain = [&](const CertOptions& leaf) {
    std::vector<Bytes> out = {signer.Issue(leaf).der};
    if (below) {
      out.push_back(intermediate.der());
    }
    return out;
  };
  CertOptions with_dns = Leaf("spiffe://other.test/web");
  with_dns.dns = {"db.example.org"};
  CertOptions named_like_a_host = Leaf("spiffe://other.test/web");
  named_like_a_host.common_name = "db.example.org";
  CertOptions two_ids = Leaf("spiffe://other.test/web");
  two_ids.uris.emplace_back("spiffe://example.org/frontend");

  struct Case {
    CertOptions leaf;
    const char* want;
  };
  const Case cases[] = {
      {Leaf("spiffe://other.test/web"), "OK"},
      {Leaf("spiffe://example.org/frontend"), "permitted subtree violation"},
      {Leaf("spiffe://third.test/web"), "permitted subtree violation"},
      {Leaf("spiffe://sub.other.test/web"), "permitted subtree violation"},
      {Leaf("spiffe://example.org@other.test/web"), "permitted subtree violation"},
      {two_ids, "permitted subtree violation"},
      {with_dns, "permitted subtree violation"},
      {named_like_a_host, "permitted subtree violation"},
  };
  for (const Case& c : cases) {
    INFO(c.leaf.uris.front());
    CHECK_THAT(server.Verify(chain(c.leaf)), Catch::Contains(c.want));
  }
  CHECK(server.Verify(chain(cases[0].leaf), "-partial_chain") == "OK");
  CHECK_THAT(server.Verify(chain(cases[1].leaf), "-partial_chain"),
             Catch::Contains("permitted subtree violation"));
}

TEST_CASE("cross-certificate: our own SVIDs are verified as before") {
  const Ours ours;
  const TestCa root = TestCa::WithOptions(TheirOptions());
  const Server server(ours, ours.Certify(root.der()).value().der);
  const auto key = crypto::PrivateKey::Generate(crypto::KeyType::kEcP256).value();
  const auto id = spiffe::SpiffeId::Parse("spiffe://example.org/frontend").value();
  const auto svid = ours.issuer->Issue(
      X509Issuer::Kind::kWorkload,
      {.public_key = key->public_key(), .spiffe_id = id, .ttl = hours(1), .dns_names = {"db.test"}},
      kNow);
  REQUIRE_OK(svid);
  CHECK(server.Verify(svid->chain) == "OK");
}

TEST_CASE("cross-certificate: with every kind of key on either side") {
  struct Case {
    crypto::KeyType ours;
    const char* theirs;
  };
  const auto c =
      GENERATE(Case{crypto::KeyType::kEcP384, "RSA"}, Case{crypto::KeyType::kRsa2048, "P-384"});
  const Ours ours(c.ours);
  CertOptions options = TheirOptions();
  options.key_type = c.theirs;
  const TestCa root = TestCa::WithOptions(options);
  const auto cross = ours.Certify(root.der());
  REQUIRE_OK(cross);
  const Server server(ours, cross->der);
  CHECK(server.Verify({root.IssueSvid("spiffe://other.test/web").der}) == "OK");
  CHECK_THAT(server.Verify({root.IssueSvid("spiffe://example.org/web").der}),
             Catch::Contains("permitted subtree violation"));
}

TEST_CASE("cross-certificate: subject, key and limits are the root's, the rest is ours") {
  const Ours ours;
  CertOptions options = TheirOptions("Other");
  options.basic_constraints = "critical,CA:TRUE,pathlen:1";
  options.not_after = kNow + hours(3);
  const TestCa root = TestCa::WithOptions(options);
  const auto theirs = crypto::Certificate::Parse(root.der()).value();
  const auto cross = ours.Certify(root.der());
  REQUIRE_OK(cross);
  CHECK(cross->subject == theirs.subject);
  CHECK(cross->spki == theirs.spki);
  CHECK(cross->subject_key_id == theirs.subject_key_id);
  CHECK(cross->path_length == 1);
  CHECK(cross->issuer == ours.ca.subject);
  CHECK(cross->authority_key_id == ours.ca.subject_key_id);
  CHECK(cross->not_before == ours.ca.not_before);
  CHECK(cross->not_after == kNow + hours(3));
  CHECK(cross->uri_sans.empty());
  CHECK(cross->serial != ours.Certify(root.der()).value().serial);
  // The extension as Python cryptography writes it for these subtrees.
  CHECK(HexEncode(ours.Certify(TestCa("td2.test").der(), "td2.test").value().name_constraints) ==
        "3056a022300a8608"
        "7464322e74657374"
        "30098207696e76616c6964"
        "30098107696e76616c6964"
        "a130300a87080000000000000000"
        "30228720" +
            std::string(64, '0'));

  const Ours short_lived(crypto::KeyType::kEcP256, hours(1));
  CHECK(short_lived.Certify(root.der()).value().not_after == short_lived.ca.not_after);
}

TEST_CASE("cross-certificate: what it could not stand for is left out with the reason") {
  const auto with = [](auto change) {
    CertOptions options = TheirOptions();
    change(options);
    return TestCa::WithOptions(options).der();
  };
  struct Case {
    Bytes root;
    const char* name;
    const char* reason;
  };
  const Case cases[] = {
      {with([](auto& o) { o.basic_constraints = "critical,CA:FALSE"; }), "other.test",
       "may not sign certificates"},
      {with([](auto& o) { o.key_usage = "critical,cRLSign"; }), "other.test",
       "may not sign certificates"},
      {with([](auto& o) { o.extended_key_usage = "clientAuth"; }), "other.test",
       "extended key usage"},
      {with([](auto& o) { o.not_after = kNow; }), "other.test", "expired at"},
      {TestCa("third.test").der(), "other.test",
       "it says that it is of the trust domain third.test"},
      {TestCa("10.0.0.1").der(), "10.0.0.1", "name constraint can hold"},
      {TestCa(".other.test").der(), ".other.test", "name constraint can hold"},
      {TestCa("other..test").der(), "other..test", "name constraint can hold"},
      {Bytes{1, 2, 3}, "other.test", "cannot be read"},
  };
  for (const Case& c : cases) {
    INFO(c.reason);
    REQUIRE_ERROR(JudgeForeignRoot(Domain(c.name), c.root, kNow), Code::kFailedPrecondition,
                  c.reason);
  }
}

TEST_CASE(
    "cross-certificate: a trust domain above ours cannot vouch for our IDs, nor can Go think so") {
  const Ours ours;
  const TestCa above("org");
  const auto cross = ours.Certify(above.der(), "org");
  REQUIRE_OK(cross);
  // Go takes a permitted host to admit its subdomains, so ours is excluded by name.
  CHECK_THAT(HexEncode(cross->name_constraints),
             Catch::Contains("300d860b" + HexEncode(AsBytes(std::string_view("example.org")))));
  const Server server(ours, cross->der);
  CHECK(server.Verify({above.IssueSvid("spiffe://org/web").der}) == "OK");
  CHECK_THAT(server.Verify({above.IssueSvid("spiffe://example.org/web").der}),
             Catch::Contains("subtree violation"));
}

TEST_CASE("cross-certificate: none for a root that has our name") {
  const Ours ours;
  CertOptions options = TheirOptions();
  options.raw_subject = ours.ca.subject;
  REQUIRE_ERROR(ours.Certify(TestCa::WithOptions(options).der()), Code::kFailedPrecondition,
                "its subject is that of the authority");
}

TEST_CASE("cross-certificate: a root that somebody made of another's key does not pass for it") {
  const TestCa root(kTheirs);
  CHECK(JudgeForeignRoot(Domain(kTheirs), root.der(), kNow).value().owns_its_name);
  // Their key and names, and a signature that is not theirs.
  Bytes forged = root.der();
  forged.back() ^= 1;
  REQUIRE_ERROR(JudgeForeignRoot(Domain(kTheirs), forged, kNow), Code::kFailedPrecondition,
                "not by its own key");
  // Signed by somebody else it is a CA like any other, but its word for its name counts nothing.
  const TestCa intermediate = TestCa("third.test").IssueCa(TheirOptions("Other"));
  CHECK_FALSE(JudgeForeignRoot(Domain(kTheirs), intermediate.der(), kNow).value().owns_its_name);
  CertOptions nameless = TheirOptions();
  nameless.uris.clear();
  CHECK_FALSE(JudgeForeignRoot(Domain(kTheirs), TestCa::WithOptions(nameless).der(), kNow)
                  .value()
                  .owns_its_name);
}

}  // namespace signet::issuance
