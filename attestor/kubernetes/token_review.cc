#include "attestor/kubernetes/token_review.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "attestor/kubernetes/names.h"
#include "core/crypto/json_check.h"

namespace signet::kubernetes {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxQuotedBytes = 256;
constexpr std::string_view kUserPrefix = "system:serviceaccount:";
constexpr std::string_view kExtraPrefix = "authentication.kubernetes.io/";

std::string Quote(std::string_view text) {
  return "\"" + std::string(text.substr(0, kMaxQuotedBytes)) + "\"";
}

/// At gives a member, null if there is none or this is no object.
const Json& At(const Json& object, std::string_view name) {
  static const Json null;
  if (!object.is_object()) {
    return null;
  }
  const auto member = object.find(name);
  return member == object.end() ? null : *member;
}

std::string TextAt(const Json& object, std::string_view name) {
  const Json& member = At(object, name);
  return member.is_string() ? member.get<std::string>() : std::string();
}

bool Lists(const Json& array, std::string_view text) {
  return array.is_array() && std::ranges::any_of(array, [text](const Json& item) {
           return item.is_string() && item.get_ref<const std::string&>() == text;
         });
}

/// ReadStatus gives the review's status, if the answer is a review at all.
Result<Json> ReadStatus(const ApiResponse& answer) {
  if (answer.status != 201 && answer.status != 200) {
    Error error = ExplainStatus("create tokenreviews", answer);
    error.code = Code::kUnavailable;  // our trouble or the API server's, never the token's
    return error;
  }
  if (answer.body.size() > kMaxReviewBytes || !crypto::CheckJson(answer.body, kMaxDepth).ok()) {
    return Unavailable("the API server's answer to a token review is malformed");
  }
  Json root = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (TextAt(root, "kind") != "TokenReview" || !At(root, "status").is_object()) {
    return Unavailable("the API server's answer to a token review is none");
  }
  return At(root, "status");
}

Status CheckAuthenticated(const Json& status, std::string_view audience) {
  if (const std::string error = TextAt(status, "error"); !error.empty()) {
    return PermissionDenied("the API server refuses the token: " +
                            error.substr(0, kMaxQuotedBytes));
  }
  const Json& authenticated = At(status, "authenticated");  // absent, not false, on failure
  if (!authenticated.is_boolean() || !authenticated.get<bool>()) {
    return PermissionDenied("the API server does not authenticate the token");
  }
  const Json& audiences = At(status, "audiences");
  if (!audiences.is_array() || audiences.empty()) {
    return PermissionDenied("the API server does not look at the audience of tokens");
  }
  if (!Lists(audiences, audience)) {
    return PermissionDenied("the API server accepts the token for another audience alone");
  }
  return {};
}

/// ReadUser takes namespace and name from the user name. OIDC and webhook authenticators answer
/// reviews too, with names of their own making.
Status ReadUser(const Json& user, ServiceAccountToken& out) {
  const std::string name = TextAt(user, "username");
  if (!name.starts_with(kUserPrefix)) {
    return PermissionDenied("the token is of the user " + Quote(name) +
                            ", who is no service account");
  }
  const std::string_view rest = std::string_view(name).substr(kUserPrefix.size());
  const std::size_t colon = rest.find(':');
  out.namespace_name = rest.substr(0, colon);
  out.service_account = colon == rest.npos ? "" : rest.substr(colon + 1);
  if (!IsDnsLabel(out.namespace_name) || !IsDnsSubdomain(out.service_account)) {
    return PermissionDenied("the token's user name " + Quote(name) +
                            " is not that of a service account");
  }
  const Json& groups = At(user, "groups");
  for (const std::string& group :
       {std::string("system:serviceaccounts"), "system:serviceaccounts:" + out.namespace_name}) {
    if (!Lists(groups, group)) {
      return PermissionDenied("the token's user " + Quote(name) + " is not in the group " + group +
                              ": another authenticator than the API server's own speaks for it");
    }
  }
  out.service_account_uid = TextAt(user, "uid");
  if (!IsUid(out.service_account_uid)) {
    return PermissionDenied("the API server names no uid of the token's service account");
  }
  return {};
}

/// OneExtra gives the value of an attribute that has exactly one, nothing if it is not there.
Result<std::optional<std::string>> OneExtra(const Json& user, std::string_view name) {
  const std::string key = std::string(kExtraPrefix) + std::string(name);
  const Json& values = At(At(user, "extra"), key);
  if (values.is_null()) {
    return std::optional<std::string>();
  }
  if (!values.is_array() || values.size() != 1 || !values.front().is_string()) {
    return PermissionDenied("the API server gives the token's user not exactly one " + key);
  }
  return std::optional(values.front().get<std::string>());
}

Status ReadPod(const Json& user, ServiceAccountToken& out) {
  SIGNET_TRY_ASSIGN(const auto name, OneExtra(user, "pod-name"));
  SIGNET_TRY_ASSIGN(const auto uid, OneExtra(user, "pod-uid"));
  if (!name || !uid) {
    return PermissionDenied("the API server says that the token is bound to no pod");
  }
  if (!IsDnsSubdomain(*name) || !IsUid(*uid)) {
    return PermissionDenied("the API server binds the token to a pod with an impossible name");
  }
  out.pod_name = *name;
  out.pod_uid = *uid;
  return {};
}

/// ReadNode: from Kubernetes 1.30 on.
Status ReadNode(const Json& user, ServiceAccountToken& out) {
  SIGNET_TRY_ASSIGN(const auto name, OneExtra(user, "node-name"));
  SIGNET_TRY_ASSIGN(const auto uid, OneExtra(user, "node-uid"));
  SIGNET_TRY_ASSIGN(const auto credential, OneExtra(user, "credential-id"));
  if ((name && !IsDnsSubdomain(*name)) || (uid && !IsUid(*uid))) {
    return PermissionDenied(
        "the API server puts the token's pod on a node with an impossible name");
  }
  out.node_name = name.value_or(std::string());
  out.node_uid = uid.value_or(std::string());
  constexpr std::string_view kJti = "JTI=";
  if (credential && credential->starts_with(kJti)) {
    out.id = credential->substr(kJti.size());
  }
  return {};
}

}  // namespace

std::string WriteReview(std::string_view token, std::string_view audience) {
  const Json review = {{"apiVersion", "authentication.k8s.io/v1"},
                       {"kind", "TokenReview"},
                       {"spec", {{"token", token}, {"audiences", Json::array({audience})}}}};
  return review.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ServiceAccountToken> ReadReview(const ApiResponse& answer, std::string_view audience) {
  SIGNET_TRY_ASSIGN(const Json status, ReadStatus(answer));
  SIGNET_TRY(CheckAuthenticated(status, audience));
  const Json& user = At(status, "user");
  ServiceAccountToken out;
  SIGNET_TRY(ReadUser(user, out));
  SIGNET_TRY(ReadPod(user, out));
  SIGNET_TRY(ReadNode(user, out));
  return out;
}

Status CompareReview(const ServiceAccountToken& claimed, const ServiceAccountToken& reviewed) {
  struct Row {
    std::string_view what;
    const std::string& claimed;
    const std::string& reviewed;
    bool optional;  ///< not told by every version of Kubernetes
  };
  const Row rows[] = {
      {"namespace", claimed.namespace_name, reviewed.namespace_name, false},
      {"service account", claimed.service_account, reviewed.service_account, false},
      {"service account's uid", claimed.service_account_uid, reviewed.service_account_uid, false},
      {"pod's name", claimed.pod_name, reviewed.pod_name, false},
      {"pod's uid", claimed.pod_uid, reviewed.pod_uid, false},
      {"node's name", claimed.node_name, reviewed.node_name, true},
      {"node's uid", claimed.node_uid, reviewed.node_uid, true},
      {"id", claimed.id, reviewed.id, true},
  };
  for (const Row& row : rows) {
    const bool untold = row.optional && (row.claimed.empty() || row.reviewed.empty());
    if (!untold && row.claimed != row.reviewed) {
      return PermissionDenied("the API server reports another " + std::string(row.what) +
                              " than the token does");
    }
  }
  return {};
}

}  // namespace signet::kubernetes
