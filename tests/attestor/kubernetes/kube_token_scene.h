#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attestor/kubernetes/api.h"
#include "attestor/kubernetes/api_config.h"
#include "attestor/kubernetes/tokens.h"
#include "core/crypto/jws.h"
#include "tests/attestor/kubernetes/token_maker.h"
#include "tests/support/kubernetes/backend.h"
#include "tests/support/result.h"

namespace signet::kubernetes {

inline constexpr const char* kAudience = "spiffe-ca";

inline std::unique_ptr<Api> Connect(test::KubeBackend& kube, const std::string& user,
                                    const Clock& clock, Logger& logger) {
  auto config = LoadApiConfig(kube.Kubeconfig(user));
  REQUIRE_OK(config);
  auto api = OpenApi(*config, clock, logger);
  REQUIRE_OK(api);
  return *std::move(api);
}

/// Blind is an API server at which we may not read the issuer's keys, so that its reviews alone
/// decide.
class Blind final : public Api {
 public:
  explicit Blind(Api& api) : api_(api) {}
  Result<ApiResponse> Do(const ApiRequest& request) override {
    if (request.method == "POST") {
      return api_.Do(request);
    }
    ApiResponse forbidden;
    forbidden.status = 403;
    return forbidden;
  }
  Result<ApiResponse> Stream(const StreamRequest& request) override { return api_.Stream(request); }

 private:
  Api& api_;
};

/// Times is a patch on claims.
inline std::string Times(std::int64_t issued, std::int64_t expires) {
  return R"({"iat":)" + std::to_string(issued) + R"(,"nbf":)" + std::to_string(issued) +
         R"(,"exp":)" + std::to_string(expires) + "}";
}

/// Scene is a cluster with the agent's account, a node and a running pod, and two verifiers with
/// the CA's rights: the one asks for reviews alone, the other knows the issuer's keys too.
struct Scene {
  explicit Scene(test::KubeBackend& backend)
      : kube(backend),
        ns(kube.CreateNamespace("tok")),
        account_uid(kube.CreateServiceAccount(ns, "agent")),
        node(kube.Unique("node")),
        node_uid(kube.CreateNode(node)),
        pod_uid(kube.CreatePod({.ns = ns, .name = "p", .sa = "agent", .node = node})),
        ca(Connect(kube, "ca", clock, logger)),
        blind(*ca) {
    verifiers.push_back(NewReviewVerifier(blind, {.audience = kAudience}, clock, logger));
    verifiers.push_back(NewReviewVerifier(*ca, {.audience = kAudience}, clock, logger));
  }

  test::KubeToken Request() const {
    return {.ns = ns,
            .sa = "agent",
            .audiences = {kAudience},
            .bound_kind = "Pod",
            .bound_name = "p",
            .bound_uid = pod_uid};
  }
  std::string Token() const { return kube.Token(Request()); }
  std::string Claims(const std::string& token) const {
    return ToString(crypto::Jws::Parse(token)->payload);
  }
  /// SignersKey is the key that the API server signs with.
  test::TokenKey SignersKey(const std::string& token) const {
    return test::TokenKey::FromPem(kube.sa_signing_key(), crypto::Jws::Parse(token)->key_id);
  }
  Result<ServiceAccountToken> Verify(const std::string& token) {
    return verifiers.front()->Verify(token);
  }
  void CheckRefused(const std::string& token, const std::string& why) {
    for (const auto& verifier : verifiers) {
      REQUIRE_ERROR(verifier->Verify(token), Code::kPermissionDenied, why);
    }
  }

  test::KubeBackend& kube;
  std::string ns, account_uid, node, node_uid, pod_uid;
  RealClock clock;
  MemoryLogger logger;
  std::unique_ptr<Api> ca;
  Blind blind;
  std::vector<std::unique_ptr<TokenVerifier>> verifiers;
};

}  // namespace signet::kubernetes
