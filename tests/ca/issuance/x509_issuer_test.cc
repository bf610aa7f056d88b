// Certificates are judged by Python cryptography (golden.txt) and by the openssl command.
#include "ca/issuance/x509_issuer.h"

#include <map>
#include <sstream>
#include <thread>

#include "core/base/encoding.h"
#include "core/base/files.h"
#include "core/crypto/pem.h"
#include "core/crypto/x509_svid.h"
#include "tests/support/result.h"
#include "tests/support/shell.h"
#include "tests/support/temp_dir.h"

namespace signet::issuance {
namespace {

using crypto::KeyType;
using crypto::PrivateKey;
using std::chrono::hours;
using std::chrono::seconds;
using Kind = X509Issuer::Kind;

const SystemTime kNow = FromUnixSeconds(1'790'000'000);
const SystemTime kLastUtcTime = FromUnixSeconds(2'524'607'999);  // 2049-12-31T23:59:59Z

// NextSerial gives the serials that a test wants, big-endian, as the "random" numbers.
class NextSerial final : public Random {
 public:
  explicit NextSerial(const std::string& hex) { Set(hex); }
  void Set(const std::string& hex) {
    next_ = HexDecode(std::string(32 - hex.size(), '0') + hex).value();
  }
  void Fill(std::span<std::uint8_t> out) override {
    REQUIRE(out.size() == next_.size());
    std::copy(next_.begin(), next_.end(), out.begin());
  }

 private:
  Bytes next_;
};

Bytes Golden(const std::string& name) {
  static const auto values = [] {
    std::map<std::string, Bytes> out;
    const auto text = ReadFile(std::string(SIGNET_TEST_DATA) + "/issuance/golden.txt", 100'000);
    std::istringstream lines(ToString(text.value()));
    for (std::string label, hex; lines >> label >> hex;) {
      out[label] = HexDecode(hex).value();
    }
    return out;
  }();
  return values.at(name);
}

spiffe::TrustDomain Domain() { return spiffe::TrustDomain::Parse("example.org").value(); }
spiffe::SpiffeId Id(const std::string& text) { return spiffe::SpiffeId::Parse(text).value(); }
Bytes TbsOf(const Bytes& der) { return crypto::Certificate::Parse(der).value().tbs; }

std::shared_ptr<const PrivateKey> GoldenKey(const std::string& name) {
  return PrivateKey::FromPkcs8(Secret(Golden(name))).value();
}

// World is one authority and one workload key.
struct World {
  explicit World(KeyType ca_type = KeyType::kEcP256, KeyType leaf_type = KeyType::kEcP256,
                 Duration ttl = hours(24))
      : ca_key(PrivateKey::Generate(ca_type).value()),
        leaf_key(PrivateKey::Generate(leaf_type).value()),
        ca(SelfSignCa(*ca_key, {.trust_domain = Domain(), .ttl = ttl}, kNow, random).value()),
        issuer(X509Issuer::Create(Domain(), ca, ca_key, random).value()) {}

  Result<IssuedSvid> Issue(Kind kind, const std::string& id, Duration ttl = hours(1),
                           SystemTime now = kNow) const {
    const auto spiffe_id = Id(id);
    return issuer->Issue(
        kind, {.public_key = leaf_key->public_key(), .spiffe_id = spiffe_id, .ttl = ttl}, now);
  }
  Result<IssuedSvid> IssueNames(const std::vector<std::string>& dns_names) const {
    const auto spiffe_id = Id("spiffe://example.org/a");
    return issuer->Issue(Kind::kWorkload,
                         {.public_key = leaf_key->public_key(),
                          .spiffe_id = spiffe_id,
                          .ttl = hours(1),
                          .dns_names = dns_names},
                         kNow);
  }

  SystemRandom random;
  std::shared_ptr<const PrivateKey> ca_key;
  std::shared_ptr<const PrivateKey> leaf_key;
  crypto::Certificate ca;
  std::shared_ptr<const X509Issuer> issuer;
};

// OpenSsl runs the command and gives its output, standard error included.
std::string OpenSsl(const std::string& arguments) {
  const test::ShellOutput output = test::Shell("openssl " + arguments);
  INFO(output.text);
  REQUIRE(output.status == 0);
  return output.text;
}

std::string WritePem(const signet::test::TempDir& dir, const char* name, const Bytes& der) {
  REQUIRE_OK(WriteFileAtomic(dir.File(name), AsBytes(crypto::PemEncode("CERTIFICATE", der))));
  return dir.File(name);
}

}  // namespace

TEST_CASE("ca certificate: byte for byte what Python cryptography makes") {
  struct Case {
    const char* golden;
    const char* key;
    const char* serial;
    SystemTime end;
  };
  const auto c =
      GENERATE(Case{"ca_tbs", "ca_key", "ffffffffffffffffffffffffffffffff", kNow + hours(24)},
               Case{"late_ca_tbs", "ca_key", "1", kLastUtcTime + hours(24)},
               Case{"ca384_tbs", "ca384_key", "80", kNow + hours(24)});
  NextSerial random(c.serial);
  const auto ca =
      SelfSignCa(*GoldenKey(c.key), {.trust_domain = Domain(), .ttl = c.end - kNow}, kNow, random);
  REQUIRE_OK(ca);
  CHECK(HexEncode(ca->tbs) == HexEncode(Golden(c.golden)));
}

TEST_CASE("svid: byte for byte what Python cryptography makes") {
  struct Case {
    const char* golden;
    Kind kind;
    const char* id;
    const char* serial;
    Duration ttl = hours(1);
    std::vector<std::string> dns_names = {};
    const char* subject = nullptr;
  };
  const Case c = GENERATE(
      Case{"server_tbs", Kind::kServer, "spiffe://example.org/spire/server", "1"},
      Case{"agent_tbs", Kind::kAgent, "spiffe://example.org/spire/agent/join_token/x",
           "ffffffffffffffffffffffffffffffff"},
      Case{"capped_tbs", Kind::kWorkload, "spiffe://example.org/a", "ff0000000000000000000000000",
           hours(25)},
      Case{"dns_tbs",
           Kind::kWorkload,
           "spiffe://example.org/ns/Web_1/sa/a.b",
           "7f",
           hours(1),
           {"*.web.example.org", "web"}},
      Case{"mint_tbs", Kind::kWorkload, "spiffe://example.org/a", "5", hours(1), {}, "own_subject"},
      Case{"mint_dns_tbs",
           Kind::kWorkload,
           "spiffe://example.org/a",
           "5",
           hours(1),
           {"w.example"},
           "own_subject"});
  NextSerial random("ffffffffffffffffffffffffffffffff");
  const auto key = GoldenKey("ca_key");
  const auto ca = SelfSignCa(*key, {.trust_domain = Domain()}, kNow, random).value();
  const auto issuer = X509Issuer::Create(Domain(), ca, key, random).value();
  random.Set(c.serial);
  const auto leaf_key = crypto::PublicKey::FromSpki(Golden("leaf_spki")).value();
  const auto id = Id(c.id);
  SvidParams params{
      .public_key = leaf_key, .spiffe_id = id, .ttl = c.ttl, .dns_names = c.dns_names};
  if (c.subject != nullptr) {
    params.subject = Golden(c.subject);
  }
  const auto svid = issuer->Issue(c.kind, params, kNow);
  REQUIRE_OK(svid);
  CHECK(HexEncode(TbsOf(svid->certificate)) == HexEncode(Golden(c.golden)));
}

TEST_CASE(
    "svid: times are UTCTime through 2049 and GeneralizedTime after it, as others write them") {
  struct Case {
    const char* golden;
    SystemTime now;
    Duration ttl;
  };
  const auto c = GENERATE(Case{"utc_time_tbs", kLastUtcTime - hours(1), hours(1)},
                          Case{"generalized_time_tbs", kLastUtcTime + seconds(1), seconds(1)});
  NextSerial random("1");
  const auto key = GoldenKey("ca_key");
  const auto end = kLastUtcTime + hours(24);
  const auto ca =
      SelfSignCa(*key, {.trust_domain = Domain(), .ttl = end - kNow}, kNow, random).value();
  const auto issuer = X509Issuer::Create(Domain(), ca, key, random).value();
  random.Set("80");
  const auto leaf_key = crypto::PublicKey::FromSpki(Golden("leaf_spki")).value();
  const auto id = Id("spiffe://example.org/a");
  const auto svid = issuer->Issue(Kind::kWorkload,
                                  {.public_key = leaf_key, .spiffe_id = id, .ttl = c.ttl}, c.now);
  REQUIRE_OK(svid);
  CHECK(HexEncode(TbsOf(svid->certificate)) == HexEncode(Golden(c.golden)));
}

TEST_CASE("svid: an EC P-384 authority signs with SHA-384, as others write it") {
  NextSerial random("80");
  const auto key = GoldenKey("ca384_key");
  const auto ca = SelfSignCa(*key, {.trust_domain = Domain()}, kNow, random).value();
  const auto issuer = X509Issuer::Create(Domain(), ca, key, random).value();
  random.Set("5");
  const auto leaf_key = crypto::PublicKey::FromSpki(Golden("leaf_spki")).value();
  const auto id = Id("spiffe://example.org/a");
  const auto svid = issuer->Issue(Kind::kWorkload,
                                  {.public_key = leaf_key, .spiffe_id = id, .ttl = hours(1)}, kNow);
  REQUIRE_OK(svid);
  CHECK(HexEncode(TbsOf(svid->certificate)) == HexEncode(Golden("p384_tbs")));
}

TEST_CASE("X509-23: openssl verifies an SVID of every pair of authority and workload key types") {
  const auto ca_type = GENERATE(KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048);
  const auto leaf_type = GENERATE(KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048);
  const World world(ca_type, leaf_type);
  const auto svid = world.Issue(Kind::kWorkload, "spiffe://example.org/a").value();
  const signet::test::TempDir dir;
  const auto ca = WritePem(dir, "ca.pem", world.ca.der);
  const auto leaf = WritePem(dir, "leaf.pem", svid.certificate);
  for (const char* purpose : {"sslserver", "sslclient"}) {
    CHECK_THAT(OpenSsl("verify -x509_strict -attime 1790000000 -purpose " + std::string(purpose) +
                       " -CAfile " + ca + " " + leaf),
               Catch::Contains("OK"));
  }
}

TEST_CASE(
    "ID-19, X509-01, X509-03, X509-04, X509-12, X509-15, X509-17, X509-18, X509-20, X509-21: "
    "openssl shows the profile of an SVID") {
  const World world;
  const auto svid = world.IssueNames({"web.example.org", "web"}).value();
  const signet::test::TempDir dir;
  const std::string text = OpenSsl(
      "x509 -noout -ext keyUsage,extendedKeyUsage,basicConstraints,subjectAltName -subject "
      "-startdate -enddate -in " +
      WritePem(dir, "leaf.pem", svid.certificate));
  CHECK(text ==
        "X509v3 Key Usage: critical\n"
        "    Digital Signature, Key Encipherment, Key Agreement\n"
        "X509v3 Extended Key Usage: \n"
        "    TLS Web Server Authentication, TLS Web Client Authentication\n"
        "X509v3 Basic Constraints: critical\n"
        "    CA:FALSE\n"
        "X509v3 Subject Alternative Name: \n"
        "    DNS:web.example.org, DNS:web, URI:spiffe://example.org/a\n"
        "subject=C = US, O = SPIRE, CN = web.example.org\n"
        "notBefore=Sep 21 14:13:10 2026 GMT\n"
        "notAfter=Sep 21 15:13:20 2026 GMT\n");
}

TEST_CASE(
    "ID-17, ID-18, X509-06, X509-07, X509-08, X509-11, X509-15, X509-16, X509-19, X509-22: openssl "
    "shows the profile of an authority") {
  const World world;
  const signet::test::TempDir dir;
  const std::string text = OpenSsl(
      "x509 -noout -ext keyUsage,extendedKeyUsage,basicConstraints,subjectAltName -subject "
      "-startdate -enddate -in " +
      WritePem(dir, "ca.pem", world.ca.der));
  CHECK(text ==
        "X509v3 Key Usage: critical\n"
        "    Certificate Sign, CRL Sign\n"
        "X509v3 Basic Constraints: critical\n"
        "    CA:TRUE\n"
        "X509v3 Subject Alternative Name: \n"
        "    URI:spiffe://example.org\n"
        "subject=C = US, O = SPIFFE, serialNumber = " +
            world.ca.serial_decimal +
            "\n"
            "notBefore=Sep 21 14:13:10 2026 GMT\n"
            "notAfter=Sep 22 14:13:20 2026 GMT\n");
}

TEST_CASE("svid: our own verifier accepts it, and the chain is the leaf alone") {
  const World world;
  const auto svid = world.Issue(Kind::kWorkload, "spiffe://example.org/a").value();
  CHECK(svid.chain == std::vector<Bytes>{svid.certificate});
  CHECK(svid.serial_decimal == crypto::Certificate::Parse(svid.certificate)->serial_decimal);
  CHECK(svid.not_before == kNow - seconds(10));
  CHECK(svid.not_after == kNow + hours(1));
  const spiffe::Bundle bundle{.trust_domain = Domain(), .x509_authorities = {{world.ca.der}}};
  const crypto::TrustStores stores = {{Domain(), crypto::TrustStore::Create(bundle).value()}};
  const auto verified = crypto::VerifyX509Svid(svid.chain, stores, kNow);
  REQUIRE_OK(verified);
  CHECK(verified->id == Id("spiffe://example.org/a"));
}

TEST_CASE("X509-04, X509-08: IDs that do not fit the kind, the domain or a leaf are refused") {
  struct Case {
    Kind kind;
    const char* id;
    const char* error;
  };
  const auto c =
      GENERATE(Case{Kind::kWorkload, "spiffe://other.org/a", "not of the trust domain example.org"},
               Case{Kind::kServer, "spiffe://other.org/spire/server", "not of the trust domain"},
               Case{Kind::kWorkload, "spiffe://example.org", "no path"},
               Case{Kind::kWorkload, "spiffe://example.org/spire", "reserved"},
               Case{Kind::kWorkload, "spiffe://example.org/spire/server", "reserved"},
               Case{Kind::kWorkload, "spiffe://example.org/spire/agent/join_token/x", "reserved"},
               Case{Kind::kServer, "spiffe://example.org/a", "not a server's"},
               Case{Kind::kServer, "spiffe://example.org/spire/server/x", "not a server's"},
               Case{Kind::kServer, "spiffe://example.org/spire/agent/x", "not a server's"},
               Case{Kind::kAgent, "spiffe://example.org/a", "not an agent's"},
               Case{Kind::kAgent, "spiffe://example.org/spire/agent", "not an agent's"},
               Case{Kind::kAgent, "spiffe://example.org/spire/server", "not an agent's"});
  const World world;
  REQUIRE_ERROR(world.Issue(c.kind, c.id), Code::kInvalidArgument, c.error);
}

TEST_CASE("issuer: DNS names that are empty, too long or not ASCII are refused") {
  const World world;
  const std::string label = GENERATE(std::string(), std::string(254, 'a'), std::string("ä.example"),
                                     std::string("a\0b", 3), std::string("a b"));
  REQUIRE_ERROR(world.IssueNames({"fine.example", label}), Code::kInvalidArgument, "DNS name");
}

TEST_CASE("issuer: a DNS name over 64 bytes is a SAN, not a common name") {
  const World world;
  const std::string name = std::string(63, 'a') + ".example";
  const auto svid = crypto::Certificate::Parse(world.IssueNames({name})->certificate).value();
  CHECK(svid.dns_sans == std::vector<std::string>{name});
  CHECK(AsText(svid.subject).find(name) == std::string_view::npos);
}

TEST_CASE("issuer: a subject that is no Name is refused where it is taken apart") {
  const World world;
  const auto id = Id("spiffe://example.org/a");
  SvidParams params{.public_key = world.leaf_key->public_key(),
                    .spiffe_id = id,
                    .ttl = hours(1),
                    .dns_names = {"a"},
                    .subject = Bytes{0x30, 0x03, 0x31, 0x05, 0x00}};
  REQUIRE_ERROR(world.issuer->Issue(Kind::kWorkload, params, kNow), Code::kInvalidArgument,
                "subject of the request");
}

TEST_CASE("issuer: no SVID outlives its authority, and an expired authority signs nothing") {
  const World world;
  const auto capped = world.Issue(Kind::kWorkload, "spiffe://example.org/a", hours(48)).value();
  CHECK(capped.not_after == world.ca.not_after);
  const auto last = world.ca.not_after - seconds(1);
  CHECK(world.Issue(Kind::kWorkload, "spiffe://example.org/a", hours(1), last)->not_after ==
        world.ca.not_after);
  REQUIRE_ERROR(
      world.Issue(Kind::kWorkload, "spiffe://example.org/a", hours(1), world.ca.not_after),
      Code::kFailedPrecondition, "expired");
  REQUIRE_ERROR(world.Issue(Kind::kWorkload, "spiffe://example.org/a", seconds(0)),
                Code::kInvalidArgument, "at least a second");
}

TEST_CASE(
    "issuer: a clock a little behind dates by itself, one far behind is refused, not obeyed") {
  const World world;
  const auto behind =
      world.Issue(Kind::kWorkload, "spiffe://example.org/a", hours(2), kNow - hours(1));
  REQUIRE_OK(behind);
  CHECK(behind->not_before == kNow - hours(1) - seconds(10));
  CHECK(behind->not_after == kNow + hours(1));
  REQUIRE_ERROR(
      world.Issue(Kind::kWorkload, "spiffe://example.org/a", hours(1), kNow - hours(24 * 365)),
      Code::kFailedPrecondition, "set the clock");
}

TEST_CASE("issuer: serials are random, positive and at most 128 bits") {
  const World world;
  std::map<std::string, int> seen;
  for (int i = 0; i < 200; ++i) {
    const auto svid = world.Issue(Kind::kWorkload, "spiffe://example.org/a").value();
    CHECK(++seen[svid.serial_decimal] == 1);
    const auto serial = crypto::Certificate::Parse(svid.certificate)->serial;
    CHECK(serial.size() <= 16);
    CHECK(serial.size() >= 12);  // fewer has a chance of 2^-32
  }
}

TEST_CASE("issuer: a key or a certificate that is not the authority's makes no issuer") {
  World world;
  const auto stranger = PrivateKey::Generate(KeyType::kEcP256).value();
  REQUIRE_ERROR(X509Issuer::Create(Domain(), world.ca, stranger, world.random),
                Code::kFailedPrecondition, "key is not");
  const auto other = spiffe::TrustDomain::Parse("other.org").value();
  REQUIRE_ERROR(X509Issuer::Create(other, world.ca, world.ca_key, world.random),
                Code::kFailedPrecondition, "X509-08");
  const auto svid = world.Issue(Kind::kWorkload, "spiffe://example.org/a").value();
  const auto leaf = crypto::Certificate::Parse(svid.certificate).value();
  REQUIRE_ERROR(X509Issuer::Create(Domain(), leaf, world.leaf_key, world.random),
                Code::kFailedPrecondition, "X509-");
}

TEST_CASE("issuer: a signer that signs something else is found out before the first certificate") {
  class Liar final : public crypto::Signer {
   public:
    explicit Liar(std::shared_ptr<const PrivateKey> key) : key_(std::move(key)) {}
    const crypto::PublicKey& public_key() const override { return key_->public_key(); }
    Result<Bytes> Sign(ByteView) const override { return key_->Sign(AsBytes("something else")); }

   private:
    std::shared_ptr<const PrivateKey> key_;
  };
  World world;
  const auto liar = std::make_shared<Liar>(world.ca_key);
  REQUIRE_ERROR(SelfSignCa(*liar, {.trust_domain = Domain()}, kNow, world.random), Code::kInternal,
                "X509-23");
  const auto issuer = X509Issuer::Create(Domain(), world.ca, liar, world.random).value();
  const auto id = Id("spiffe://example.org/a");
  const SvidParams params{
      .public_key = world.leaf_key->public_key(), .spiffe_id = id, .ttl = hours(1)};
  for (int i = 0; i < 2; ++i) {
    REQUIRE_ERROR(issuer->Issue(Kind::kWorkload, params, kNow), Code::kInternal, "X509-23");
  }
}

TEST_CASE("issuer: several threads issue at once") {
  const World world;
  std::vector<std::thread> threads;
  std::vector<Result<IssuedSvid>> svids(8, Internal("not run"));
  for (std::size_t i = 0; i < svids.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 20; ++n) {
        svids[i] = world.Issue(Kind::kWorkload, "spiffe://example.org/w" + std::to_string(i));
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  for (std::size_t i = 0; i < svids.size(); ++i) {
    REQUIRE_OK(svids[i]);
    CHECK(crypto::Certificate::Parse(svids[i]->certificate)->uri_sans ==
          std::vector<std::string>{"spiffe://example.org/w" + std::to_string(i)});
  }
}

}  // namespace signet::issuance
