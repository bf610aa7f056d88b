#include "workload-api/authorizer/judge.h"

#include "core/base/encoding.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"

namespace signet::authorizer {
namespace {

using test::CertOptions;
using test::TestCa;

const SystemTime kNow = FromUnixSeconds(1'790'000'000);
constexpr std::chrono::hours kHour(1);

spiffe::TrustDomain Td(const std::string& name) { return *spiffe::TrustDomain::Parse(name); }

Policy PolicyOf(const std::vector<std::string>& allow, Chain chain = Chain::kVerify) {
  Policy policy{.name = "web", .certificate_header = "C", .format = Format::kDer, .chain = chain};
  for (const std::string& text : allow) {
    const auto pattern = IdPattern::Parse(text);
    REQUIRE_OK(pattern);
    policy.allow.push_back(*pattern);
  }
  return policy;
}

/// Desk is a judge and what it is told; the bundles can be changed.
struct Desk {
  Desk() { Trusts("example.org", own.der()); }
  void Trusts(const std::string& domain, const Bytes& bundle) {
    snapshot.bundles[Td(domain)] = std::make_shared<const Bytes>(bundle);
  }
  Verdict Ask(const Policy& policy, const Bytes& leaf, const std::vector<Bytes>& more = {},
              SystemTime now = kNow) {
    const std::string certificate = Base64Encode(leaf);
    std::string chain;
    for (const Bytes& link : more) {
      chain += (chain.empty() ? "" : ",") + Base64Encode(link);
    }
    Presented presented{.certificate = {certificate}};
    if (!more.empty()) {
      presented.chain = {chain};
    }
    return judge.Decide(policy, presented, snapshot, now);
  }
  TestCa own{"example.org"};
  TestCa other{"other.org"};
  svids::Snapshot snapshot{.version = 1, .taken_at = kNow, .trust_domain = Td("example.org")};
  Judge judge{2};
};

void CheckRefused(const Verdict& verdict, const std::string& why) {
  CHECK(verdict.status == 403);
  CHECK_THAT(verdict.reason, Catch::Contains(why));
}

TEST_CASE("an allow list names IDs, paths and trust domains, segment by segment") {
  struct Row {
    const char* pattern;
    const char* id;
    bool want;
  };
  const std::vector<Row> rows = {
      {"spiffe://a/web", "spiffe://a/web", true},
      {"spiffe://a/web", "spiffe://a/web/x", false},
      {"spiffe://a/web", "spiffe://b/web", false},
      {"spiffe://a/web", "spiffe://a/WEB", false},
      {"spiffe://a/shop/*", "spiffe://a/shop/cart", true},
      {"spiffe://a/shop/*", "spiffe://a/shop/cart/x", true},
      {"spiffe://a/shop/*", "spiffe://a/shop", false},
      {"spiffe://a/shop/*", "spiffe://a/shopping", false},
      {"spiffe://a/*", "spiffe://a/x", true},
      {"spiffe://a/*", "spiffe://ab/x", false},
  };
  for (const Row& row : rows) {
    INFO(row.pattern << " " << row.id);
    const auto pattern = IdPattern::Parse(row.pattern);
    REQUIRE_OK(pattern);
    CHECK(pattern->Matches(*spiffe::SpiffeId::Parse(row.id)) == row.want);
  }
  for (const char* const text :
       {"", "*", "spiffe://a", "spiffe://*/web", "spiffe://a/w*", "spiffe://a/*/x", "spiffe://a//*",
        "https://a/x", "spiffe://a/x/"}) {
    INFO(text);
    CHECK_FALSE(IdPattern::Parse(text).ok());
  }
}

TEST_CASE("a listed ID of the own trust domain passes, all others are refused") {
  Desk desk;
  const Bytes web = desk.own.IssueSvid("spiffe://example.org/web").der;
  const Verdict good = desk.Ask(PolicyOf({"spiffe://example.org/web"}), web);
  CHECK(good.status == 200);
  CHECK(good.id == "spiffe://example.org/web");
  CheckRefused(desk.Ask(PolicyOf({"spiffe://example.org/api"}), web), "not in the allow list");
  CheckRefused(desk.Ask(PolicyOf({}), web), "not in the allow list");
}

TEST_CASE("a trust domain counts while the agent holds its bundle, and vouches for itself alone") {
  Desk desk;
  const Policy both = PolicyOf({"spiffe://example.org/*", "spiffe://other.org/*"});
  const Bytes foreign = desk.other.IssueSvid("spiffe://other.org/web").der;
  const Bytes forged = desk.other.IssueSvid("spiffe://example.org/web").der;
  CheckRefused(desk.Ask(both, foreign), "no bundle of other.org");
  desk.Trusts("other.org", desk.other.der());
  CHECK(desk.Ask(both, foreign).status == 200);
  CheckRefused(desk.Ask(both, forged), "issuer of the certificate is not in the bundle");
  desk.snapshot.bundles.erase(Td("other.org"));
  CheckRefused(desk.Ask(both, foreign), "no bundle of other.org");
}

TEST_CASE("what was found good is found bad once its authority or its time is over") {
  Desk desk;
  const Policy policy = PolicyOf({"spiffe://example.org/*"});
  const Bytes web = desk.own.IssueSvid("spiffe://example.org/web").der;
  CHECK(desk.Ask(policy, web).reason == "verified");
  CHECK(desk.Ask(policy, web).reason == "verified before");
  CheckRefused(desk.Ask(PolicyOf({"spiffe://example.org/api"}), web), "not in the allow list");
  CheckRefused(desk.Ask(policy, web, {}, kNow + kHour + std::chrono::seconds(1)), "expired");
  CHECK(desk.Ask(policy, web).status == 200);
  CheckRefused(desk.Ask(policy, web, {}, kNow - 2 * kHour), "not valid before");
  CHECK(desk.Ask(policy, web).reason == "verified");
  desk.Trusts("example.org", TestCa("example.org").der());
  CheckRefused(desk.Ask(policy, web), "issuer of the certificate");
}

TEST_CASE("the cache forgets the least recently used") {
  Desk desk;
  const Policy policy = PolicyOf({"spiffe://example.org/*"});
  const Bytes a = desk.own.IssueSvid("spiffe://example.org/a").der;
  const Bytes b = desk.own.IssueSvid("spiffe://example.org/b").der;
  const Bytes c = desk.own.IssueSvid("spiffe://example.org/c").der;
  for (const Bytes* der : {&a, &b, &a, &c}) {
    CHECK(desk.Ask(policy, *der).status == 200);
  }
  CHECK(desk.Ask(policy, a).reason == "verified before");
  CHECK(desk.Ask(policy, b).reason == "verified");
}

TEST_CASE("what is no X509-SVID is refused, whoever has signed it") {
  Desk desk;
  const Policy policy = PolicyOf({"spiffe://example.org/*"});
  const std::string web = "spiffe://example.org/web";
  const std::vector<std::pair<CertOptions, std::string>> rows = {
      {{.uris = {}}, "0 URI names"},
      {{.uris = {web, "spiffe://example.org/api"}}, "2 URI names"},
      {{.uris = {"https://example.org/web"}}, "not an X509-SVID"},
      {{.uris = {"spiffe://example.org"}}, "no path"},
      {{.uris = {web}, .basic_constraints = "critical,CA:TRUE"}, "CA certificate"},
      {{.uris = {web}, .key_usage = "critical,digitalSignature,keyCertSign"}, "keyCertSign"},
  };
  for (const auto& [options, why] : rows) {
    CheckRefused(desk.Ask(policy, desk.own.Issue(options).der), why);
  }
  CheckRefused(desk.Ask(policy, ToBytes("\x30\x03\x02\x01\x01")), "");
  CHECK(desk.judge.Decide(policy, {.certificate = {}}, desk.snapshot, kNow).status == 401);
  CHECK(desk.judge.Decide(policy, {.certificate = {""}}, desk.snapshot, kNow).status == 401);
  CHECK(desk.judge.Decide(policy, {.certificate = {"a", "b"}}, desk.snapshot, kNow).status == 400);
  CHECK(desk.judge.Decide(policy, {.certificate = {"a"}, .chain = {"b", "c"}}, desk.snapshot, kNow)
            .status == 400);
}

TEST_CASE("intermediates must come with the leaf, unless the proxy's word is to count") {
  Desk desk;
  const TestCa below = desk.own.IssueCa(TestCa::CaOptions("example.org"));
  const Bytes web = below.IssueSvid("spiffe://example.org/web").der;
  const Policy verify = PolicyOf({"spiffe://example.org/*"});
  const Policy trusting = PolicyOf({"spiffe://example.org/*"}, Chain::kLeafOnlyTrustsProxy);
  CheckRefused(desk.Ask(verify, web), "issuer of the certificate is not in the bundle");
  CHECK(desk.Ask(trusting, web).status == 200);
  CHECK(desk.Ask(verify, web).status == 403);
  CHECK(desk.Ask(verify, web, {below.der()}).reason == "verified");
  CheckRefused(desk.Ask(verify, web, {desk.other.der()}), "issuer of the certificate");
  // Where a path can be looked for, it must be found.
  Bytes broken = desk.own.IssueSvid("spiffe://example.org/web").der;
  broken.back() ^= 1;
  CheckRefused(desk.Ask(verify, broken), "not trusted");
  CheckRefused(desk.Ask(trusting, broken), "not trusted");
  CheckRefused(desk.Ask(trusting, web, {}, kNow + 2 * kHour), "expired");
}

}  // namespace
}  // namespace signet::authorizer
