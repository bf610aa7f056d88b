// Invariant: claims that are taken name a pod and a service account in the forms that Kubernetes
// gives them, for our audience alone and for no longer than the rules say.
#include <cstddef>
#include <cstdint>

#include "attestor/kubernetes/names.h"
#include "attestor/kubernetes/token_claims.h"
#include "core/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet;
  using namespace signet::kubernetes;
  const auto claims = ParseClaims(AsText({data, size}));
  if (!claims.ok()) {
    SIGNET_CHECK(
        claims.code() == Code::kInvalidArgument || claims.code() == Code::kPermissionDenied,
        "another code");
    return 0;
  }
  const TokenRules rules = {.audience = "spiffe-ca"};
  const SystemTime now = FromUnixSeconds(1'790'000'000);
  const Status verdict = CheckClaims(*claims, rules, now);
  if (!verdict.ok()) {
    SIGNET_CHECK(verdict.code() == Code::kPermissionDenied, "another code");
    return 0;
  }
  const ServiceAccountToken& token = claims->token;
  SIGNET_CHECK(claims->audiences == std::vector<std::string>{"spiffe-ca"}, "another audience");
  SIGNET_CHECK(IsDnsLabel(token.namespace_name) && IsDnsSubdomain(token.service_account) &&
                   IsUid(token.service_account_uid),
               "an odd service account");
  SIGNET_CHECK(IsDnsSubdomain(token.pod_name) && IsUid(token.pod_uid), "an odd pod");
  SIGNET_CHECK(token.expires_at - token.issued_at <= rules.max_life &&
                   token.expires_at > token.issued_at && token.expires_at + kClockSkew > now,
               "an odd life");
  return 0;
}
