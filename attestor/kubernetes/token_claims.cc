#include "attestor/kubernetes/token_claims.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attestor/kubernetes/names.h"
#include "core/crypto/json_check.h"

namespace signet::kubernetes {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxDepth = 8;
constexpr std::size_t kMaxAudiences = 64;
constexpr std::size_t kMaxTextBytes = 2048;
constexpr std::size_t kMaxIdBytes = 256;
/// kMaxSeconds is the year 2255: SystemTime ends a few years later.
constexpr std::int64_t kMaxSeconds = 9'000'000'000;

Error Malformed(std::string_view claim, std::string_view why) {
  return InvalidArgument("claim \"" + std::string(claim) + "\" " + std::string(why));
}

/// TextClaim gives a claim's text, empty if it is missing.
Result<std::string> TextClaim(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end()) {
    return std::string();
  }
  if (!member->is_string() || member->get_ref<const std::string&>().size() > kMaxTextBytes) {
    return Malformed(name, "is no text of at most 2048 bytes");
  }
  return member->get<std::string>();
}

Result<std::optional<SystemTime>> TimeClaim(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end()) {
    return std::optional<SystemTime>();
  }
  if (!member->is_number_integer() || member->get<std::int64_t>() < 0 ||
      member->get<std::int64_t>() > kMaxSeconds) {
    return Malformed(name, "is no time in whole seconds");
  }
  return std::optional(FromUnixSeconds(member->get<std::int64_t>()));
}

/// ReadAudiences: a text or an array of texts (RFC 7519 §4.1.3); legacy tokens have none.
Result<std::vector<std::string>> ReadAudiences(const Json& root) {
  const auto member = root.find("aud");
  if (member == root.end()) {
    return std::vector<std::string>();
  }
  const Json list = member->is_array() ? *member : Json::array({*member});
  if (list.size() > kMaxAudiences) {
    return Malformed("aud", "lists more than 64 audiences");
  }
  std::vector<std::string> out;
  for (const Json& audience : list) {
    if (!audience.is_string()) {
      return Malformed("aud", "is neither a text nor a list of texts");
    }
    out.push_back(audience.get<std::string>());
  }
  return out;
}

/// ObjectRef is {"name", "uid"} in the claims.
struct ObjectRef {
  std::string name;
  std::string uid;
};

Result<std::optional<ObjectRef>> ReadRef(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end()) {
    return std::optional<ObjectRef>();
  }
  if (!member->is_object()) {
    return Malformed(name, "is no object");
  }
  ObjectRef out;
  SIGNET_TRY_ASSIGN(out.name, TextClaim(*member, "name"));
  SIGNET_TRY_ASSIGN(out.uid, TextClaim(*member, "uid"));
  if (!IsDnsSubdomain(out.name) || !IsUid(out.uid)) {
    return Malformed(name, "lacks the name and uid of an object");
  }
  return std::optional(std::move(out));
}

Status ReadBinding(const Json& claims, TokenClaims& out) {
  SIGNET_TRY_ASSIGN(auto pod, ReadRef(claims, "pod"));
  SIGNET_TRY_ASSIGN(auto node, ReadRef(claims, "node"));
  out.extended = claims.contains("warnafter");
  if (claims.contains("secret")) {
    out.binding = TokenBinding::kSecret;
  } else if (pod) {
    out.binding = TokenBinding::kPod;
  } else if (node) {
    out.binding = TokenBinding::kNode;
  }
  if (pod) {
    out.token.pod_name = std::move(pod->name);
    out.token.pod_uid = std::move(pod->uid);
  }
  if (node) {
    out.token.node_name = std::move(node->name);
    out.token.node_uid = std::move(node->uid);
  }
  return {};
}

Status ReadKubernetesClaims(const Json& root, TokenClaims& out) {
  const auto claims = root.find("kubernetes.io");
  if (claims == root.end()) {
    return PermissionDenied(
        "is no token of a service account that the TokenRequest API gave (no claims "
        "\"kubernetes.io\")");
  }
  if (!claims->is_object()) {
    return Malformed("kubernetes.io", "is no object");
  }
  SIGNET_TRY_ASSIGN(out.token.namespace_name, TextClaim(*claims, "namespace"));
  if (!IsDnsLabel(out.token.namespace_name)) {
    return Malformed("namespace", "is no name of a namespace");
  }
  SIGNET_TRY_ASSIGN(auto account, ReadRef(*claims, "serviceaccount"));
  if (!account) {
    return Malformed("serviceaccount", "is missing");
  }
  out.token.service_account = std::move(account->name);
  out.token.service_account_uid = std::move(account->uid);
  return ReadBinding(*claims, out);
}

Status ReadSubject(const Json& root, const ServiceAccountToken& token) {
  SIGNET_TRY_ASSIGN(const std::string subject, TextClaim(root, "sub"));
  if (subject != "system:serviceaccount:" + token.namespace_name + ":" + token.service_account) {
    return PermissionDenied("has a subject that is not the service account of its own claims");
  }
  return {};
}

Status ReadTimes(const Json& root, TokenClaims& out) {
  SIGNET_TRY_ASSIGN(const auto expires, TimeClaim(root, "exp"));
  SIGNET_TRY_ASSIGN(const auto issued, TimeClaim(root, "iat"));
  SIGNET_TRY_ASSIGN(out.not_before, TimeClaim(root, "nbf"));
  if (!expires || !issued) {
    return PermissionDenied("does not say when it was issued and when it expires");
  }
  out.token.expires_at = *expires;
  out.token.issued_at = *issued;
  return {};
}

Status CheckAudience(const TokenClaims& claims, const TokenRules& rules) {
  if (claims.audiences.empty()) {
    return PermissionDenied("is for no audience; ask for the audience \"" + rules.audience + "\"");
  }
  if (claims.audiences.size() > 1) {
    return PermissionDenied("is for " + std::to_string(claims.audiences.size()) +
                            " audiences, each of which could use it here; ask for \"" +
                            rules.audience + "\" alone");
  }
  if (claims.audiences.front() != rules.audience) {
    return PermissionDenied("is for another audience; ask for the audience \"" + rules.audience +
                            "\"");
  }
  return {};
}

std::string Seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

Status CheckTimes(const TokenClaims& claims, const TokenRules& rules, SystemTime now) {
  const ServiceAccountToken& token = claims.token;
  const Duration life = token.expires_at - token.issued_at;
  if (life <= Duration::zero()) {
    return PermissionDenied("expires before it was issued");
  }
  if (now >= token.expires_at + kClockSkew) {
    return PermissionDenied("has expired at " + FormatTime(token.expires_at) + ", it is now " +
                            FormatTime(now));
  }
  const SystemTime begins = std::max(token.issued_at, claims.not_before.value_or(token.issued_at));
  if (now + kClockSkew < begins) {
    return PermissionDenied("is not valid before " + FormatTime(begins) + ", it is now " +
                            FormatTime(now) + " here; compare the clocks");
  }
  if (life > rules.max_life || claims.extended) {
    return PermissionDenied("is valid for " + Seconds(life) + ", at most " +
                            Seconds(rules.max_life) +
                            " are accepted (a token for the API server itself?)");
  }
  if (rules.max_age > Duration::zero() && now - token.issued_at > rules.max_age + kClockSkew) {
    return PermissionDenied("was issued at " + FormatTime(token.issued_at) + ", more than " +
                            Seconds(rules.max_age) + " ago");
  }
  return {};
}

Status CheckBinding(TokenBinding binding) {
  switch (binding) {
    case TokenBinding::kPod:
      return {};
    case TokenBinding::kNode:
      return PermissionDenied("is bound to a node alone; one bound to a pod is needed");
    case TokenBinding::kSecret:
      return PermissionDenied("is bound to a secret; one bound to a pod is needed");
    case TokenBinding::kNone:
      break;
  }
  return PermissionDenied("is bound to nothing; one bound to a pod is needed (a projected volume)");
}

}  // namespace

Result<TokenClaims> ParseClaims(std::string_view json) {
  SIGNET_TRY(crypto::CheckJson(json, kMaxDepth).Context("claims"));
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) {
    return InvalidArgument("claims are no JSON object");
  }
  TokenClaims out;
  SIGNET_TRY(ReadKubernetesClaims(root, out));
  SIGNET_TRY(ReadSubject(root, out.token));
  SIGNET_TRY(ReadTimes(root, out));
  SIGNET_TRY_ASSIGN(out.issuer, TextClaim(root, "iss"));
  SIGNET_TRY_ASSIGN(out.audiences, ReadAudiences(root));
  SIGNET_TRY_ASSIGN(out.token.id, TextClaim(root, "jti"));
  if (out.token.id.size() > kMaxIdBytes) {
    return Malformed("jti", "is longer than 256 bytes");
  }
  return out;
}

Status CheckClaims(const TokenClaims& claims, const TokenRules& rules, SystemTime now) {
  SIGNET_TRY(CheckAudience(claims, rules));
  SIGNET_TRY(CheckTimes(claims, rules, now));
  return CheckBinding(claims.binding);
}

Result<UnverifiedToken> ReadToken(std::string_view text, const TokenRules& rules, SystemTime now) {
  SIGNET_TRY_ASSIGN(crypto::Jws jws, crypto::Jws::Parse(text).Context("token"));
  SIGNET_TRY_ASSIGN(TokenClaims claims, ParseClaims(AsText(jws.payload)).Context("token"));
  SIGNET_TRY(CheckClaims(claims, rules, now).Context("token"));
  return UnverifiedToken{std::move(jws), std::move(claims)};
}

}  // namespace signet::kubernetes
