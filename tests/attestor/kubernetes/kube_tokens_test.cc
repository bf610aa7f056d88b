// Which service account tokens are taken: on the stub and on a real API server alike.
#include <thread>

#include "tests/attestor/kubernetes/kube_token_scene.h"

namespace signet::kubernetes {
namespace {

using std::chrono::seconds;
using test::KubeBackend;
using test::KubeToken;
using test::TokenKey;

TEST_CASE("tokens: one that is bound to a pod and for our audience alone is taken") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  for (const auto& verifier : scene.verifiers) {
    const auto token = verifier->Verify(scene.Token());
    REQUIRE_OK(token);
    CHECK(token->namespace_name == scene.ns);
    CHECK(token->service_account == "agent");
    CHECK(token->service_account_uid == scene.account_uid);
    CHECK(token->pod_name == "p");
    CHECK(token->pod_uid == scene.pod_uid);
    CHECK(token->node_name == scene.node);
    CHECK(token->node_uid == scene.node_uid);
    CHECK(token->id.size() == 36);
    CHECK(token->expires_at - token->issued_at == seconds(600));
  }
}

TEST_CASE("tokens: a forged one is refused, with and without the issuer's keys at hand") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string good = scene.Token();
  const TokenKey stranger(crypto::Jws::Parse(good)->key_id);
  const std::string forged = stranger.Sign(scene.Claims(good));
  REQUIRE_ERROR(scene.verifiers[0]->Verify(forged), Code::kPermissionDenied,
                "the API server refuses");
  REQUIRE_ERROR(scene.verifiers[1]->Verify(forged), Code::kPermissionDenied,
                "signature does not fit");
  REQUIRE_ERROR(scene.verifiers[1]->Verify(TokenKey("other").Sign(scene.Claims(good))),
                Code::kPermissionDenied, "does not publish");
  // The same claims under the cluster's own key are good, so it is the signature that was refused.
  REQUIRE_OK(scene.verifiers[1]->Verify(scene.SignersKey(good).Sign(scene.Claims(good))));
}

TEST_CASE("tokens: an expired one is refused by us, and by the API server if our clock is slow") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string good = scene.Token();
  FakeClock clock(scene.clock.Now() + seconds(661));
  const auto late = NewReviewVerifier(*scene.ca, {.audience = kAudience}, clock, scene.logger);
  REQUIRE_ERROR(late->Verify(good), Code::kPermissionDenied, "has expired");
  const std::int64_t now = UnixSeconds(scene.clock.Now());
  const std::string expired = scene.SignersKey(good).Sign(
      test::MergeClaims(scene.Claims(good), Times(now - 600, now - 90)));
  scene.CheckRefused(expired, "has expired");
  FakeClock slow(scene.clock.Now() - seconds(60));
  const auto behind = NewReviewVerifier(*scene.ca, {.audience = kAudience}, slow, scene.logger);
  REQUIRE_ERROR(behind->Verify(expired), Code::kPermissionDenied, "the API server refuses");
}

TEST_CASE("tokens: one for another audience is refused") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  KubeToken request = scene.Request();
  request.audiences = {"other"};
  scene.CheckRefused(kube->Token(request), "another audience");
  request.audiences.clear();
  scene.CheckRefused(kube->Token(request), "another audience");
}

TEST_CASE("tokens: one for several audiences is refused, ours among them or not") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  KubeToken request = scene.Request();
  request.audiences = {kAudience, "other"};
  scene.CheckRefused(kube->Token(request), "for 2 audiences");
}

TEST_CASE("tokens: a year-long one is refused, even where our audience is the API server's own") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  KubeToken request = scene.Request();
  request.audiences.clear();
  request.seconds = 3607;
  const auto verifier =
      NewReviewVerifier(*scene.ca, {.audience = kube->issuer()}, scene.clock, scene.logger);
  const std::string year = kube->Token(request);
  REQUIRE_ERROR(verifier->Verify(year), Code::kPermissionDenied, "valid for 31536000 s");
  request.seconds = 3600;
  REQUIRE_OK(verifier->Verify(kube->Token(request)));
}

TEST_CASE("tokens: an unbound one is refused") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  scene.CheckRefused(kube->Token({.ns = scene.ns, .sa = "agent", .audiences = {kAudience}}),
                     "bound to nothing");
}

TEST_CASE("tokens: one that is bound to a node alone is refused, be the node there or not") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string token = kube->Token({.ns = scene.ns,
                                         .sa = "agent",
                                         .audiences = {kAudience},
                                         .bound_kind = "Node",
                                         .bound_name = scene.node,
                                         .bound_uid = scene.node_uid});
  scene.CheckRefused(token, "bound to a node alone");
  kube->Delete("nodes", "", scene.node);
  scene.CheckRefused(token, "bound to a node alone");
}

TEST_CASE("tokens: one that is bound to a secret is refused") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const auto made = kube->Raw("POST", "/api/v1/namespaces/" + scene.ns + "/secrets",
                              R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"}})");
  REQUIRE(made.status == 201);
  scene.CheckRefused(kube->Token({.ns = scene.ns,
                                  .sa = "agent",
                                  .audiences = {kAudience},
                                  .bound_kind = "Secret",
                                  .bound_name = "s"}),
                     "bound to a secret");
}

TEST_CASE("tokens: one of a deleted pod is refused") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string token = scene.Token();
  REQUIRE_OK(scene.Verify(scene.Token()));
  kube->Delete("pods", scene.ns, "p");
  scene.CheckRefused(token, "the API server refuses");
}

TEST_CASE("tokens: one that was taken is refused within seconds after its pod is gone") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string token = scene.Token();
  REQUIRE_OK(scene.Verify(token));
  kube->Delete("pods", scene.ns, "p");
  // The API server keeps a good verdict for 10 s; the index of pods knows at once.
  for (int i = 0; i < 15 && scene.Verify(token).ok(); ++i) {
    if (kube->is_stub()) {
      kube->AdvanceClock(seconds(1));
    } else {
      std::this_thread::sleep_for(seconds(1));
    }
  }
  scene.CheckRefused(token, "the API server refuses");
}

TEST_CASE("tokens: one of a pod that was made again under its name is refused") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string token = scene.Token();
  kube->Delete("pods", scene.ns, "p");
  scene.pod_uid = kube->CreatePod({.ns = scene.ns, .name = "p", .sa = "agent", .node = scene.node});
  scene.CheckRefused(token, "the API server refuses");
  REQUIRE_OK(scene.Verify(scene.Token()));
}

TEST_CASE("tokens: one of a deleted service account is refused") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string token = scene.Token();
  kube->Delete("serviceaccounts", scene.ns, "agent");
  scene.CheckRefused(token, "the API server refuses");
}

TEST_CASE("tokens: one of a service account that was made again under its name is refused") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const std::string token = scene.Token();
  kube->Delete("serviceaccounts", scene.ns, "agent");
  scene.account_uid = kube->CreateServiceAccount(scene.ns, "agent");
  scene.CheckRefused(token, "the API server refuses");
  REQUIRE_OK(scene.Verify(scene.Token()));
}

TEST_CASE("tokens: what is no token is not sent to the API server") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  for (const std::string& text : {std::string(), std::string("a.b.c"), std::string(1 << 20, 'x')}) {
    CHECK(scene.Verify(text).code() == Code::kInvalidArgument);
  }
}

TEST_CASE("tokens: without the right to review, the missing right is named and nothing decided") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const auto nobody = Connect(*kube, "nobody", scene.clock, scene.logger);
  const auto verifier =
      NewReviewVerifier(*nobody, {.audience = kAudience}, scene.clock, scene.logger);
  REQUIRE_ERROR(verifier->Verify(scene.Token()), Code::kUnavailable, "create tokenreviews");
}

TEST_CASE("tokens: the cluster's keys alone decide where there is no review") {
  const auto kube = KubeBackend::Start();
  Scene scene(*kube);
  const KeySetOptions options = {
      .rules = {.audience = kAudience, .max_age = std::chrono::minutes(15)}};
  const auto verifier = NewKeySetVerifier(*scene.ca, options, scene.clock, scene.logger);
  const std::string token = scene.Token();
  const auto taken = verifier->Verify(token);
  REQUIRE_OK(taken);
  CHECK(taken->pod_uid == scene.pod_uid);
  CHECK(taken->node_uid == scene.node_uid);
  const TokenKey stranger(crypto::Jws::Parse(token)->key_id);
  REQUIRE_ERROR(verifier->Verify(stranger.Sign(scene.Claims(token))), Code::kPermissionDenied,
                "signature does not fit");
  const std::int64_t now = UnixSeconds(scene.clock.Now());
  const std::string old = scene.SignersKey(token).Sign(
      test::MergeClaims(scene.Claims(token), Times(now - 1000, now + 1000)));
  REQUIRE_ERROR(verifier->Verify(old), Code::kPermissionDenied, "more than 900 s ago");
  kube->Delete("pods", scene.ns, "p");
  CHECK(verifier->Verify(token).ok());  // what this mode cannot see
}

TEST_CASE("tokens: an API server that is away gives no verdict", "[stub]") {
  const auto kube = KubeBackend::StartStub();
  Scene scene(*kube);
  const std::string token = scene.Token();
  kube->FailNext({.count = 100, .status = 503, .path_contains = "tokenreviews"});
  CHECK(scene.Verify(token).code() == Code::kUnavailable);
  kube->Stop();
  REQUIRE_ERROR(scene.Verify(token), Code::kUnavailable, "review");
  kube->Restart();
}

TEST_CASE("tokens: the issuer's next key is found, and tokens of the last stay good", "[stub]") {
  const auto kube = KubeBackend::StartStub();
  Scene scene(*kube);
  FakeClock clock(scene.clock.Now());
  const KeySetOptions options = {
      .rules = {.audience = kAudience, .max_age = std::chrono::minutes(15)}};
  const auto verifier = NewKeySetVerifier(*scene.ca, options, clock, scene.logger);
  const std::string before = scene.Token();
  REQUIRE_OK(verifier->Verify(before));
  kube->RotateSigningKey();
  clock.Advance(seconds(11));
  REQUIRE_OK(verifier->Verify(scene.Token()));
  REQUIRE_OK(verifier->Verify(before));
}

}  // namespace
}  // namespace signet::kubernetes
