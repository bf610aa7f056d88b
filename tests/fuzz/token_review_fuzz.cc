// Invariant: a review that is taken names a pod and a service account in the forms that Kubernetes
// gives them; one that is none is never a refusal.
#include <cstddef>
#include <cstdint>

#include "attestor/kubernetes/names.h"
#include "attestor/kubernetes/token_review.h"
#include "core/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet;
  using namespace signet::kubernetes;
  ApiResponse answer;
  answer.status = 201;
  answer.body = ToString(ByteView(data, size));
  const auto token = ReadReview(answer, "spiffe-ca");
  if (!token.ok()) {
    SIGNET_CHECK(token.code() == Code::kUnavailable || token.code() == Code::kPermissionDenied,
                 "another code");
    return 0;
  }
  SIGNET_CHECK(answer.body.find("TokenReview") != std::string::npos, "no review");
  SIGNET_CHECK(IsDnsLabel(token->namespace_name) && IsDnsSubdomain(token->service_account) &&
                   IsUid(token->service_account_uid),
               "an odd service account");
  SIGNET_CHECK(IsDnsSubdomain(token->pod_name) && IsUid(token->pod_uid), "an odd pod");
  SIGNET_CHECK(CompareReview(*token, *token).ok(), "differs from itself");
  return 0;
}
