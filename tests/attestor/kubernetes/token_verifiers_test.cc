#include <nlohmann/json.hpp>

#include "attestor/kubernetes/token_review.h"
#include "attestor/kubernetes/tokens.h"
#include "tests/attestor/kubernetes/fake_api.h"
#include "tests/attestor/kubernetes/review_json.h"
#include "tests/attestor/kubernetes/token_maker.h"
#include "tests/support/result.h"

namespace signet::kubernetes {
namespace {

using test::ReviewJson;
using test::TokenClaimsJson;
using test::TokenKey;

const std::string kReviews(kTokenReviewPath);
const std::string kDiscovery = "/.well-known/openid-configuration";
const std::string kJwks = "/openid/v1/jwks";
constexpr const char* kDiscoveryJson =
    R"({"issuer":"https://kubernetes.default.svc","jwks_uri":"https://10.0.0.1/openid/v1/jwks"})";

/// World is an API server that publishes key-1 and takes TokenClaimsJson's token.
struct World {
  World() {
    api.Set(kDiscovery, 200, kDiscoveryJson);
    api.Set(kJwks, 200, key.KeySet());
    api.Set(kReviews, 201, ReviewJson());
  }
  std::unique_ptr<TokenVerifier> Reviewer() {
    return NewReviewVerifier(api, {.audience = "spiffe-ca"}, clock, logger);
  }
  std::unique_ptr<TokenVerifier> KeySet(KeySetOptions options = {}) {
    options.rules = {.audience = "spiffe-ca", .max_age = std::chrono::minutes(15)};
    return NewKeySetVerifier(api, std::move(options), clock, logger);
  }
  std::string Token(std::string_view patch = "{}") const {
    return key.Sign(TokenClaimsJson(patch));
  }

  test::FakeApi api;
  FakeClock clock;
  MemoryLogger logger;
  TokenKey key;
};

TEST_CASE("review verifier: a good token is taken after one review of it for our audience") {
  World world;
  const auto verifier = world.Reviewer();
  const std::string text = world.Token();
  const auto token = verifier->Verify(text);
  REQUIRE_OK(token);
  CHECK(token->pod_name == "agent-x7k2p");
  CHECK(UnixSeconds(token->expires_at) == test::kTokenTime + 540);
  const ApiRequest request = world.api.Last();
  CHECK(request.method == "POST");
  CHECK(request.path == "/apis/authentication.k8s.io/v1/tokenreviews");
  const auto body = nlohmann::json::parse(request.body);
  CHECK(body["spec"]["token"] == text);
  CHECK(body["spec"]["audiences"] == nlohmann::json::array({"spiffe-ca"}));
}

TEST_CASE("review verifier: what its claims or signature refuse costs no review") {
  World world;
  const auto verifier = world.Reviewer();
  const std::string forged = TokenKey("key-2").Sign(TokenClaimsJson(), R"({"kid":"key-1"})");
  const std::string unknown = TokenKey("key-2").Sign(TokenClaimsJson());
  std::string changed = world.Token();
  changed[changed.find('.') + 20] ^= 1;
  REQUIRE_ERROR(verifier->Verify(forged), Code::kPermissionDenied, "signature");
  REQUIRE_ERROR(verifier->Verify(unknown), Code::kPermissionDenied, "does not publish");
  CHECK_FALSE(verifier->Verify(changed).ok());
  REQUIRE_ERROR(verifier->Verify(world.key.Sign(TokenClaimsJson(), R"({"alg":"none"})")),
                Code::kPermissionDenied, "algorithm");
  REQUIRE_ERROR(verifier->Verify(world.key.Sign(TokenClaimsJson(), R"({"alg":"HS256"})")),
                Code::kPermissionDenied, "algorithm");
  REQUIRE_ERROR(verifier->Verify(world.key.Sign(TokenClaimsJson(), R"({"alg":"ES256"})")),
                Code::kPermissionDenied, "its key is for");
  REQUIRE_ERROR(verifier->Verify(world.Token(R"({"aud":["other"]})")), Code::kPermissionDenied,
                "another audience");
  REQUIRE_ERROR(verifier->Verify(world.Token(R"({"iss":"https://other.example"})")),
                Code::kPermissionDenied, "another issuer");
  REQUIRE_ERROR(verifier->Verify(world.Token(R"({"iss":"https://kubernetes.default.svc/"})")),
                Code::kPermissionDenied, "another issuer");
  REQUIRE_ERROR(verifier->Verify(std::string(1 << 20, 'x')), Code::kInvalidArgument, "16 KiB");
  CHECK(world.api.Count(kReviews) == 0);
}

TEST_CASE("review verifier: the API server's word counts, and must be of the same pod") {
  World world;
  const auto verifier = world.Reviewer();
  world.api.Set(kReviews, 201, ReviewJson(R"({"authenticated":null,"error":"invalidated"})"));
  REQUIRE_ERROR(verifier->Verify(world.Token()), Code::kPermissionDenied, "invalidated");
  world.api.Set(kReviews, 201, ReviewJson(R"({"user":{"extra":{
      "authentication.kubernetes.io/pod-uid":["00000000-0000-0000-0000-000000000000"]}}})"));
  REQUIRE_ERROR(verifier->Verify(world.Token()), Code::kPermissionDenied, "another pod's uid");
}

TEST_CASE("review verifier: an API server in trouble gives no verdict") {
  World world;
  const auto verifier = world.Reviewer();
  for (const int status : {401, 403, 429, 500, 503}) {
    INFO(status);
    world.api.Set(kReviews, status, "{}");
    REQUIRE_ERROR(verifier->Verify(world.Token()), Code::kUnavailable, "create tokenreviews");
  }
  for (const Code code : {Code::kUnavailable, Code::kDeadlineExceeded, Code::kFailedPrecondition}) {
    world.api.Fail(kReviews, {code, "cannot reach it"});
    REQUIRE_ERROR(verifier->Verify(world.Token()), Code::kUnavailable, "cannot reach it");
  }
}

TEST_CASE("review verifier: where discovery is not permitted or down the review alone decides") {
  World world;
  const std::string unknown = TokenKey("key-2").Sign(TokenClaimsJson());
  for (const int status : {401, 403, 404, 500}) {
    INFO(status);
    world.api.Set(kDiscovery, status, "{}");
    const auto verifier = world.Reviewer();
    CHECK(verifier->Verify(unknown).ok());
    CHECK(verifier->Verify(world.Token(R"({"iss":"https://other.example"})")).ok());
  }
  world.api.Fail(kDiscovery, Unavailable("refused"));
  CHECK(world.Reviewer()->Verify(unknown).ok());
  CHECK(world.logger.Contains("cannot be read"));
  for (const char* odd : {"", "[]", "{}", R"({"issuer":7})", R"({"issuer":""})"}) {
    world.api.Set(kDiscovery, 200, odd);
    CHECK(world.Reviewer()->Verify(unknown).ok());
  }
  world.api.Set(kDiscovery, 200, kDiscoveryJson);
  for (const char* odd : {"", "{}", R"({"keys":[]})", R"({"keys":[{"kty":"oct","k":"AAAA"}]})"}) {
    world.api.Set(kJwks, 200, odd);
    CHECK(world.Reviewer()->Verify(unknown).ok());
  }
}

TEST_CASE("review verifier: a refused discovery is not asked for again at each token") {
  World world;
  world.api.Set(kDiscovery, 403, "{}");
  const auto verifier = world.Reviewer();
  for (int i = 0; i < 5; ++i) {
    CHECK(verifier->Verify(world.Token()).ok());
  }
  CHECK(world.api.Count(kDiscovery) == 1);
  world.clock.Advance(std::chrono::minutes(5));
  CHECK(verifier->Verify(world.Token()).ok());
  CHECK(world.api.Count(kDiscovery) == 2);
}

TEST_CASE(
    "issuer's keys: read once, again after an hour, and at most every 10 s for unknown ones") {
  World world;
  const auto verifier = world.KeySet();
  const auto fetches = [&] { return world.api.Count(kJwks); };
  const TokenKey next("key-2");
  REQUIRE_OK(verifier->Verify(world.Token()));
  REQUIRE_OK(verifier->Verify(world.Token()));
  CHECK(fetches() == 1);
  REQUIRE_ERROR(verifier->Verify(next.Sign(TokenClaimsJson())), Code::kPermissionDenied,
                "does not publish");
  CHECK(fetches() == 1);  // the keys are fresh
  world.clock.Advance(std::chrono::seconds(10));
  CHECK_FALSE(verifier->Verify(next.Sign(TokenClaimsJson())).ok());
  CHECK_FALSE(verifier->Verify(next.Sign(TokenClaimsJson())).ok());
  CHECK(fetches() == 2);
  world.api.Set(kJwks, 200, "{\"keys\":[" + world.key.Jwk() + "," + next.Jwk() + "]}");
  world.clock.Advance(std::chrono::seconds(10));
  REQUIRE_OK(verifier->Verify(next.Sign(TokenClaimsJson())));
  CHECK(fetches() == 3);
  REQUIRE_OK(verifier->Verify(world.Token()));
  world.clock.Advance(std::chrono::hours(1));
  CHECK_FALSE(verifier->Verify(world.Token()).ok());  // expired; its claims are judged first
  CHECK(fetches() == 3);
}

TEST_CASE("issuer's keys: asked for in the form in which an API server gives them") {
  World world;
  REQUIRE_OK(world.KeySet()->Verify(world.Token()));
  CHECK(world.api.Last().path == kJwks);
  CHECK_THAT(world.api.Last().accept, Catch::Contains("application/jwk-set+json"));
}

TEST_CASE("issuer's keys: one that is withdrawn stays good as long as its tokens may be shown") {
  World world;
  const auto verifier = world.KeySet();
  REQUIRE_OK(verifier->Verify(world.Token()));
  const TokenKey next("key-2");
  world.api.Set(kJwks, 200, next.KeySet());
  world.clock.Advance(std::chrono::seconds(30));
  REQUIRE_OK(verifier->Verify(next.Sign(TokenClaimsJson())));
  REQUIRE_OK(verifier->Verify(world.Token()));
  world.clock.Advance(std::chrono::minutes(17));
  const std::string later = R"({"iat":1790001000,"nbf":1790001000,"exp":1790003000})";
  REQUIRE_OK(verifier->Verify(next.Sign(TokenClaimsJson(later))));
  REQUIRE_ERROR(verifier->Verify(world.Token(later)), Code::kPermissionDenied, "does not publish");
}

TEST_CASE("key set verifier: signature, issuer, age and pod decide, and no review is asked for") {
  World world;
  const auto verifier = world.KeySet();
  const auto token = verifier->Verify(world.Token());
  REQUIRE_OK(token);
  CHECK(token->node_uid == "f3d0c9c2-6a53-4b0d-8a55-0c1f6a2e7b02");
  REQUIRE_ERROR(verifier->Verify(TokenKey("key-2").Sign(TokenClaimsJson(), R"({"kid":"key-1"})")),
                Code::kPermissionDenied, "signature");
  REQUIRE_ERROR(verifier->Verify(world.Token(R"({"iss":"https://other.example"})")),
                Code::kPermissionDenied, "another issuer");
  REQUIRE_ERROR(verifier->Verify(world.Token(R"({"iss":null})")), Code::kPermissionDenied,
                "another issuer");
  REQUIRE_ERROR(verifier->Verify(world.Token(R"({"iat":1789998000,"exp":1790001000})")),
                Code::kPermissionDenied, "more than 900 s ago");
  REQUIRE_ERROR(verifier->Verify(world.Token(R"({"kubernetes.io":{"pod":null}})")),
                Code::kPermissionDenied, "node alone");
  CHECK(world.api.Count(kReviews) == 0);
}

TEST_CASE("key set verifier: goes on with the keys it has while the API server is away") {
  World world;
  const auto verifier = world.KeySet();
  REQUIRE_OK(verifier->Verify(world.Token()));
  world.api.Fail(kJwks, Unavailable("refused"));
  world.clock.Advance(std::chrono::seconds(30));
  REQUIRE_ERROR(verifier->Verify(TokenKey("key-2").Sign(TokenClaimsJson())), Code::kUnavailable,
                "refused");
  REQUIRE_OK(verifier->Verify(world.Token()));
}

TEST_CASE("key set verifier: without keys there is no verdict") {
  World world;
  world.api.Fail(kDiscovery, Unavailable("refused"));
  REQUIRE_ERROR(world.KeySet()->Verify(world.Token()), Code::kUnavailable, "refused");
  world.api.Set(kDiscovery, 403, R"({"kind":"Status","message":"forbidden: nonResourceURL"})");
  REQUIRE_ERROR(world.KeySet()->Verify(world.Token()), Code::kUnavailable, "nonResourceURL");
}

TEST_CASE("key set verifier: a configured issuer and path of keys need no discovery") {
  World world;
  world.api.Fail(kDiscovery, Unavailable("refused"));
  world.api.Set("/keys", 200, world.key.KeySet());
  const auto verifier =
      world.KeySet({.issuer = "https://kubernetes.default.svc", .jwks_path = "/keys"});
  REQUIRE_OK(verifier->Verify(world.Token()));
  CHECK(world.api.Count(kDiscovery) == 0);
  const auto other = world.KeySet({.issuer = "https://other.example", .jwks_path = "/keys"});
  REQUIRE_ERROR(other->Verify(world.Token()), Code::kPermissionDenied, "another issuer");
}

TEST_CASE("verifiers: no message repeats a part of the token") {
  World world;
  const auto verifier = world.Reviewer();
  world.api.Set(kReviews, 201, ReviewJson(R"({"error":"no"})"));
  const std::string text = world.Token();
  const auto refused = verifier->Verify(text);
  REQUIRE_FALSE(refused.ok());
  for (std::size_t at = 0; at + 16 <= text.size(); at += 16) {
    CHECK(refused.error().message.find(text.substr(at, 16)) == std::string::npos);
  }
}

}  // namespace
}  // namespace signet::kubernetes
