#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace signet::test {

/// ReviewJson is a TokenReview that takes TokenClaimsJson's token, as a real API server answers it;
/// `patch` is an RFC 7396 merge patch on its status.
inline std::string ReviewJson(std::string_view patch = "{}") {
  auto review = nlohmann::json::parse(R"({
    "apiVersion": "authentication.k8s.io/v1",
    "kind": "TokenReview",
    "metadata": {"creationTimestamp": null},
    "spec": {"token": "redacted", "audiences": ["spiffe-ca"]},
    "status": {
      "authenticated": true,
      "audiences": ["spiffe-ca"],
      "user": {
        "username": "system:serviceaccount:spire:agent",
        "uid": "0b1f7a52-3f0e-4a53-8a8e-8e4a4f0d9a01",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:spire",
                   "system:authenticated"],
        "extra": {
          "authentication.kubernetes.io/credential-id":
              ["JTI=4a4ce9b1-5f0a-4a6c-9b0e-0d6f5ad0e7a1"],
          "authentication.kubernetes.io/node-name": ["worker-1"],
          "authentication.kubernetes.io/node-uid": ["f3d0c9c2-6a53-4b0d-8a55-0c1f6a2e7b02"],
          "authentication.kubernetes.io/pod-name": ["agent-x7k2p"],
          "authentication.kubernetes.io/pod-uid": ["6b1a9a6e-9f1c-4f0e-8b3b-2f5c7e1d0a11"]
        }
      }
    }
  })");
  review["status"].merge_patch(nlohmann::json::parse(patch));
  return review.dump();
}

}  // namespace signet::test
