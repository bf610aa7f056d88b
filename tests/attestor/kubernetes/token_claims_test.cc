#include "attestor/kubernetes/token_claims.h"

#include "core/base/encoding.h"
#include "tests/attestor/kubernetes/token_maker.h"
#include "tests/support/result.h"

namespace signet::kubernetes {
namespace {

using test::TokenClaimsJson;

const TokenRules kRules = {.audience = "spiffe-ca"};

Status Judge(std::string_view patch, const TokenRules& rules = kRules,
             Duration later = Duration::zero()) {
  const auto claims = ParseClaims(TokenClaimsJson(patch));
  SIGNET_TRY(claims);
  const auto now =
      FromUnixSeconds(test::kTokenTime) + std::chrono::duration_cast<SystemTime::duration>(later);
  return CheckClaims(*claims, rules, now);
}

std::string K8s(const std::string& patch) { return R"({"kubernetes.io":)" + patch + "}"; }

std::string Times(std::int64_t issued, std::int64_t expires) {
  return R"({"iat":)" + std::to_string(test::kTokenTime + issued) + R"(,"nbf":)" +
         std::to_string(test::kTokenTime + issued) + R"(,"exp":)" +
         std::to_string(test::kTokenTime + expires) + "}";
}

TEST_CASE("token claims: a pod's token tells its service account, pod and node") {
  const auto claims = ParseClaims(TokenClaimsJson());
  REQUIRE_OK(claims);
  const ServiceAccountToken& token = claims->token;
  CHECK(token.namespace_name == "spire");
  CHECK(token.service_account == "agent");
  CHECK(token.service_account_uid == "0b1f7a52-3f0e-4a53-8a8e-8e4a4f0d9a01");
  CHECK(token.pod_name == "agent-x7k2p");
  CHECK(token.pod_uid == "6b1a9a6e-9f1c-4f0e-8b3b-2f5c7e1d0a11");
  CHECK(token.node_name == "worker-1");
  CHECK(token.node_uid == "f3d0c9c2-6a53-4b0d-8a55-0c1f6a2e7b02");
  CHECK(token.id == "4a4ce9b1-5f0a-4a6c-9b0e-0d6f5ad0e7a1");
  CHECK(UnixSeconds(token.issued_at) == test::kTokenTime - 60);
  CHECK(UnixSeconds(token.expires_at) == test::kTokenTime + 540);
  CHECK(claims->issuer == "https://kubernetes.default.svc");
  CHECK(CheckClaims(*claims, kRules, FromUnixSeconds(test::kTokenTime)).ok());
}

TEST_CASE("token claims: an audience may be a text, and before 1.30 there is no jti and no node") {
  CHECK(Judge(R"({"aud":"spiffe-ca"})").ok());
  CHECK(Judge(R"({"jti":null,"kubernetes.io":{"node":null}})").ok());
}

TEST_CASE("token claims: each broken rule is refused with its own reason") {
  struct Row {
    std::string patch;
    std::string why;
  };
  const std::vector<Row> rows = {
      {R"({"aud":["other"]})", "for another audience"},
      {R"({"aud":"https://kubernetes.default.svc"})", "for another audience"},
      {R"({"aud":["spiffe-ca","other"]})", "for 2 audiences"},
      {R"({"aud":["spiffe-ca","spiffe-ca"]})", "for 2 audiences"},
      {R"({"aud":[]})", "for no audience"},
      {R"({"aud":null})", "for no audience"},
      {Times(-60, 31'536'000 - 60), "valid for 31536000 s"},
      {Times(-60, 24 * 3600 - 59), "valid for 86401 s"},
      {K8s(R"({"warnafter":1790003607})"), "for the API server itself?"},
      {Times(-7200, -60), "has expired"},
      {Times(61, 700), "is not valid before"},
      {R"({"nbf":1790000061})", "is not valid before"},
      {Times(-60, -60), "expires before it was issued"},
      {K8s(R"({"pod":null,"node":null})"), "bound to nothing"},
      {K8s(R"({"pod":null})"), "bound to a node alone"},
      {K8s(R"({"pod":null,"node":null,"secret":{"name":"s","uid":"1-2"}})"), "bound to a secret"},
      {K8s(R"({"secret":{"name":"s","uid":"1-2"}})"), "bound to a secret"},
      {R"({"exp":null})", "when it expires"},
      {R"({"iat":null})", "when it was issued"},
      {R"({"sub":"system:serviceaccount:spire:other"})", "subject"},
      {R"({"sub":"jane"})", "subject"},
      {R"({"sub":null})", "subject"},
      {R"({"kubernetes.io":null})", "no token of a service account"},
  };
  for (const auto& [patch, why] : rows) {
    INFO(patch);
    REQUIRE_ERROR(Judge(patch), Code::kPermissionDenied, why);
  }
}

TEST_CASE("token claims: a minute of skew is forgiven and no more") {
  using std::chrono::seconds;
  CHECK(Judge(Times(-60, 540), kRules, seconds(599)).ok());
  REQUIRE_ERROR(Judge(Times(-60, 540), kRules, seconds(600)), Code::kPermissionDenied, "expired");
  CHECK(Judge(Times(60, 660)).ok());
  CHECK(Judge(Times(-60, 24 * 3600 - 60)).ok());
}

TEST_CASE("token claims: a greatest age holds whatever the token's own life") {
  const TokenRules rules = {.audience = "spiffe-ca", .max_age = std::chrono::minutes(15)};
  CHECK(Judge(Times(-900, 3600), rules).ok());
  CHECK(Judge(Times(-960, 3600), rules).ok());
  REQUIRE_ERROR(Judge(Times(-961, 3600), rules), Code::kPermissionDenied, "more than 900 s ago");
}

TEST_CASE("token claims: what Kubernetes never writes is malformed") {
  struct Row {
    std::string patch;
    std::string why;
  };
  const std::vector<Row> rows = {
      {R"({"exp":"soon"})", "exp"},
      {R"({"exp":1.5})", "exp"},
      {R"({"exp":-1})", "exp"},
      {R"({"exp":9223372036854775807})", "exp"},
      {R"({"exp":18446744073709551615})", "exp"},
      {R"({"iat":true})", "iat"},
      {R"({"nbf":[]})", "nbf"},
      {R"({"aud":7})", "aud"},
      {R"({"aud":["spiffe-ca",7]})", "aud"},
      {R"({"iss":7})", "iss"},
      {R"({"jti":{}})", "jti"},
      {R"({"jti":")" + std::string(257, 'j') + "\"}", "jti"},
      {R"({"iss":")" + std::string(2049, 'i') + "\"}", "iss"},
      {R"({"kubernetes.io":"x"})", "kubernetes.io"},
      {K8s(R"({"namespace":"Spire"})"), "namespace"},
      {K8s(R"({"namespace":"a/../b"})"), "namespace"},
      {K8s(R"({"namespace":null})"), "namespace"},
      {K8s(R"({"serviceaccount":null})"), "serviceaccount"},
      {K8s(R"({"serviceaccount":{"name":".."}})"), "serviceaccount"},
      {K8s(R"({"serviceaccount":{"name":"a/b"}})"), "serviceaccount"},
      {K8s(R"({"serviceaccount":{"uid":null}})"), "serviceaccount"},
      {K8s(R"({"pod":"agent"})"), "pod"},
      {K8s(R"({"pod":{"name":"a b"}})"), "pod"},
      {K8s(R"({"pod":{"uid":"../x"}})"), "pod"},
      {K8s(R"({"node":{"uid":""}})"), "node"},
  };
  for (const auto& [patch, why] : rows) {
    INFO(patch);
    REQUIRE_ERROR(Judge(patch), Code::kInvalidArgument, why);
  }
  REQUIRE_ERROR(ParseClaims(R"({"aud":"a","aud":"b"})"), Code::kInvalidArgument, "twice");
  REQUIRE_ERROR(ParseClaims("[]"), Code::kInvalidArgument, "object");
  REQUIRE_ERROR(ParseClaims(""), Code::kInvalidArgument, "no JSON");
  const std::string twice = R"({"kubernetes.io":{"pod":{"name":"a","uid":"1","uid":"2"}}})";
  REQUIRE_ERROR(ParseClaims(twice), Code::kInvalidArgument, "twice");
}

TEST_CASE("token claims: service accounts may have dots in their names") {
  const auto claims = ParseClaims(TokenClaimsJson(
      R"({"sub":"system:serviceaccount:spire:a.b",
          "kubernetes.io":{"serviceaccount":{"name":"a.b"}}})"));
  REQUIRE_OK(claims);
  CHECK(claims->token.service_account == "a.b");
}

TEST_CASE("token: a megabyte that is no token is refused without being looked into") {
  const std::string megabyte(1 << 20, 'A');
  for (const std::string& text : {megabyte, "e30." + megabyte + ".AAAA", std::string(), megabyte}) {
    const auto token = ReadToken(text, kRules, FromUnixSeconds(test::kTokenTime));
    REQUIRE_ERROR(token, Code::kInvalidArgument, text.empty() ? "three parts" : "16 KiB");
    CHECK(token.error().message.size() < 200);
  }
}

}  // namespace
}  // namespace signet::kubernetes
