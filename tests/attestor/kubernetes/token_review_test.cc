#include "attestor/kubernetes/token_review.h"

#include <nlohmann/json.hpp>

#include "tests/attestor/kubernetes/review_json.h"
#include "tests/support/result.h"

namespace signet::kubernetes {
namespace {

using test::ReviewJson;

Result<ServiceAccountToken> Read(const std::string& body, int status = 201) {
  ApiResponse answer;
  answer.status = status;
  answer.body = body;
  return ReadReview(answer, "spiffe-ca");
}

std::string User(const std::string& patch) { return R"({"user":)" + patch + "}"; }

std::string Extra(const std::string& name, const std::string& value) {
  return User(R"({"extra":{"authentication.kubernetes.io/)" + name + "\":" + value + "}}");
}

TEST_CASE("token review: the request names the token and our audience") {
  const auto body = nlohmann::json::parse(WriteReview("a.b.c", "spiffe-ca"));
  CHECK(body["apiVersion"] == "authentication.k8s.io/v1");
  CHECK(body["kind"] == "TokenReview");
  CHECK(body["spec"]["token"] == "a.b.c");
  CHECK(body["spec"]["audiences"] == nlohmann::json::array({"spiffe-ca"}));
}

TEST_CASE("token review: a good answer names account, pod, node and token") {
  for (const int status : {200, 201}) {
    const auto token = Read(ReviewJson(), status);
    REQUIRE_OK(token);
    CHECK(token->namespace_name == "spire");
    CHECK(token->service_account == "agent");
    CHECK(token->service_account_uid == "0b1f7a52-3f0e-4a53-8a8e-8e4a4f0d9a01");
    CHECK(token->pod_name == "agent-x7k2p");
    CHECK(token->pod_uid == "6b1a9a6e-9f1c-4f0e-8b3b-2f5c7e1d0a11");
    CHECK(token->node_name == "worker-1");
    CHECK(token->node_uid == "f3d0c9c2-6a53-4b0d-8a55-0c1f6a2e7b02");
    CHECK(token->id == "4a4ce9b1-5f0a-4a6c-9b0e-0d6f5ad0e7a1");
  }
}

TEST_CASE("token review: each row of the table is refused with its own reason") {
  struct Row {
    std::string patch;
    std::string why;
  };
  const std::vector<Row> rows = {
      {R"({"error":"[invalid bearer token, service account token has been invalidated]"})",
       "has been invalidated"},
      {R"({"authenticated":null})", "does not authenticate"},
      {R"({"authenticated":false})", "does not authenticate"},
      {R"({"authenticated":"true"})", "does not authenticate"},
      {R"({"audiences":null})", "does not look at the audience"},
      {R"({"audiences":[]})", "does not look at the audience"},
      {R"({"audiences":["https://kubernetes.default.svc"]})", "for another audience"},
      {R"({"user":null})", "no service account"},
      {User(R"({"username":"jane"})"), "no service account"},
      {User(R"({"username":"oidc:system:serviceaccount:spire:agent"})"), "no service account"},
      {User(R"({"username":"system:node:worker-1"})"), "no service account"},
      {User(R"({"username":"system:serviceaccount:spire"})"), "not that of a service account"},
      {User(R"({"username":"system:serviceaccount:spire:agent:x"})"), "not that of"},
      {User(R"({"username":"system:serviceaccount::agent"})"), "not that of"},
      {User(R"({"username":"system:serviceaccount:spire:"})"), "not that of"},
      {User(R"({"username":"system:serviceaccount:a/b:agent"})"), "not that of"},
      {User(R"({"groups":null})"), "not in the group system:serviceaccounts:"},
      {User(R"({"groups":["system:serviceaccounts:spire"]})"),
       "not in the group system:serviceaccounts:"},
      {User(R"({"groups":["system:serviceaccounts","system:serviceaccounts:other"]})"),
       "not in the group system:serviceaccounts:spire"},
      {User(R"({"uid":null})"), "no uid"},
      {User(R"({"uid":""})"), "no uid"},
      {User(R"({"extra":null})"), "bound to no pod"},
      {Extra("pod-name", "null"), "bound to no pod"},
      {Extra("pod-uid", "null"), "bound to no pod"},
      {Extra("pod-uid", "[]"), "not exactly one"},
      {Extra("pod-uid", R"(["1-2","3-4"])"), "not exactly one"},
      {Extra("pod-name", R"(["a","b"])"), "not exactly one"},
      {Extra("pod-uid", R"("6b1a9a6e")"), "not exactly one"},
      {Extra("pod-uid", "[7]"), "not exactly one"},
      {Extra("pod-uid", R"(["../x"])"), "impossible name"},
      {Extra("pod-name", R"(["A B"])"), "impossible name"},
      {Extra("node-name", R"(["a","b"])"), "not exactly one"},
      {Extra("node-uid", "[]"), "not exactly one"},
      {Extra("node-name", R"(["a/b"])"), "impossible name"},
      {Extra("credential-id", R"(["JTI=1","JTI=2"])"), "not exactly one"},
  };
  for (const auto& [patch, why] : rows) {
    INFO(patch);
    REQUIRE_ERROR(Read(ReviewJson(patch)), Code::kPermissionDenied, why);
  }
}

TEST_CASE("token review: an error outweighs everything else that the answer says") {
  REQUIRE_ERROR(Read(ReviewJson(R"({"error":"expired","audiences":null})")),
                Code::kPermissionDenied, "expired");
}

TEST_CASE("token review: before Kubernetes 1.30 nothing is said of node and id") {
  const auto token =
      Read(ReviewJson(User(R"({"extra":{"authentication.kubernetes.io/node-name":null,
                        "authentication.kubernetes.io/node-uid":null,
                        "authentication.kubernetes.io/credential-id":null}})")));
  REQUIRE_OK(token);
  CHECK(token->node_name.empty());
  CHECK(token->node_uid.empty());
  CHECK(token->id.empty());
}

TEST_CASE("token review: trouble of the API server's or of our own credential is never a verdict") {
  const std::string forbidden =
      R"({"kind":"Status","message":"tokenreviews.authentication.k8s.io is forbidden"})";
  REQUIRE_ERROR(Read(forbidden, 403), Code::kUnavailable, "create tokenreviews");
  for (const int status : {202, 301, 400, 401, 403, 404, 409, 422, 429, 500, 503, 504}) {
    INFO(status);
    REQUIRE_ERROR(Read(ReviewJson(), status), Code::kUnavailable, "create tokenreviews");
  }
  const std::string review = ReviewJson();
  for (const std::string& body :
       {std::string(), std::string("null"), std::string("[]"), std::string("{}"),
        std::string(R"({"kind":"Status","status":{"authenticated":true}})"),
        std::string(R"({"kind":"TokenReview"})"),
        std::string(R"({"kind":"TokenReview","status":1})"), review.substr(0, review.size() / 2),
        review.substr(0, review.size() - 1) + ",\"status\":{}}", std::string((1 << 20) + 1, ' ')}) {
    INFO(body.substr(0, 80));
    CHECK(Read(body).code() == Code::kUnavailable);
  }
}

TEST_CASE("token review: what the API server says must be what the token says") {
  const auto reviewed = Read(ReviewJson());
  REQUIRE_OK(reviewed);
  CHECK(CompareReview(*reviewed, *reviewed).ok());
  const std::pair<std::string ServiceAccountToken::*, std::string> rows[] = {
      {&ServiceAccountToken::namespace_name, "namespace"},
      {&ServiceAccountToken::service_account, "service account"},
      {&ServiceAccountToken::service_account_uid, "service account's uid"},
      {&ServiceAccountToken::pod_name, "pod's name"},
      {&ServiceAccountToken::pod_uid, "pod's uid"},
      {&ServiceAccountToken::node_name, "node's name"},
      {&ServiceAccountToken::node_uid, "node's uid"},
      {&ServiceAccountToken::id, "id"}};
  for (const auto& [field, what] : rows) {
    INFO(what);
    ServiceAccountToken claimed = *reviewed;
    claimed.*field = "other";
    REQUIRE_ERROR(CompareReview(claimed, *reviewed), Code::kPermissionDenied, what);
  }
  ServiceAccountToken old = *reviewed;
  old.node_name = old.node_uid = old.id = "";
  CHECK(CompareReview(old, *reviewed).ok());
  CHECK(CompareReview(*reviewed, old).ok());
  old.pod_uid = "";
  CHECK_FALSE(CompareReview(*reviewed, old).ok());
}

}  // namespace
}  // namespace signet::kubernetes
