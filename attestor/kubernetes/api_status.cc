#include <string>
#include <utility>

#include "attestor/kubernetes/api.h"
#include "attestor/kubernetes/json_pick.h"

namespace signet::kubernetes {
namespace {

/// StatusMessage: what a Kubernetes Status says, or a hint at an answer that is none.
std::string StatusMessage(const ApiResponse& response) {
  static const Field root{kAnyName, {{"kind"}, {"message"}}};
  const auto status = PickJson(response.body, root);
  const std::string_view text = status.ok() ? status->TextOf("message") : "";
  return text.empty() ? "HTTP status " + std::to_string(response.status)
                      : std::string(text.substr(0, 512));
}

Code CodeOfStatus(int status) {
  switch (status) {
    case 400:
    case 422:
      return Code::kInvalidArgument;
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 404:
      return Code::kNotFound;
    case 409:
      return Code::kAborted;
    case 410:
      return Code::kOutOfRange;
    case 429:
      return Code::kUnavailable;
    default:
      return status >= 500 ? Code::kUnavailable : Code::kUnknown;
  }
}

}  // namespace

Error ExplainStatus(std::string_view what, const ApiResponse& response) {
  std::string message = std::string(what) + ": ";
  if (response.status == 401) {
    message +=
        "the API server does not accept our credential (401): check its token or certificate";
  } else if (response.status == 403) {
    message += "a right is missing: " + StatusMessage(response) +
               " (grant it by a ClusterRole and its binding)";
  } else {
    message += StatusMessage(response);
  }
  return {CodeOfStatus(response.status), std::move(message)};
}

}  // namespace signet::kubernetes
