#pragma once

// Private to attestor/kubernetes.

#include <string>
#include <string_view>

#include "attestor/kubernetes/api.h"
#include "attestor/kubernetes/tokens.h"

namespace signet::kubernetes {

inline constexpr std::string_view kTokenReviewPath = "/apis/authentication.k8s.io/v1/tokenreviews";

inline constexpr std::size_t kMaxReviewBytes = 1024 * 1024;

/// WriteReview makes the body of a TokenReview. The audience is never empty: without one the API
/// server would take any token that is for itself.
std::string WriteReview(std::string_view token, std::string_view audience);

/// ReadReview judges the API server's answer by kubernetes.md §1.2, in its order. UNAVAILABLE: it
/// is no verdict. PERMISSION_DENIED: the token is refused. The times of what it gives are not set.
Result<ServiceAccountToken> ReadReview(const ApiResponse& answer, std::string_view audience);

/// CompareReview: does the API server say of the token what the token says of itself?
/// PERMISSION_DENIED names what differs.
Status CompareReview(const ServiceAccountToken& claimed, const ServiceAccountToken& reviewed);

}  // namespace signet::kubernetes
