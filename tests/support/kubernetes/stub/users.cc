#include "tests/support/kubernetes/stub/users.h"

#include <algorithm>
#include <ctime>

namespace signet::test::kube {
namespace {

using std::chrono::seconds;

constexpr seconds kCacheLife{10};
constexpr seconds kDeletionLeeway{60};
constexpr seconds kClockLeeway{60};
constexpr long kShortestLife = 600;
constexpr long kDefaultLife = 3600;
constexpr long kInjectedLife = 3607;  // what the ServiceAccount admission plugin asks for
constexpr long kYear = 365L * 24 * 3600;
const std::string kInvalidated = "service account token has been invalidated";

std::string Quoted(const std::vector<std::string>& words) {
  std::string out = "[";
  for (const std::string& word : words) {
    out += (out.size() > 1 ? " \"" : "\"") + word + "\"";
  }
  return out + "]";
}

[[noreturn]] void Forbid(const Target& account, const std::string& why) {
  Fail(403, "Forbidden", "serviceaccounts \"" + account.name + "\" is forbidden: " + why,
       {{"name", account.name}, {"kind", "serviceaccounts"}});
}

Json Reference(const Json& object) {
  return {{"name", Text(object, "metadata.name")}, {"uid", Text(object, "metadata.uid")}};
}

const Json* BoundReference(const Json& spec) {
  const Json* const bound = Member(spec, "boundObjectRef");
  return bound != nullptr && bound->is_object() ? bound : nullptr;
}

/// The audiences of tokens that this pod's volumes ask for: what its kubelet may request.
bool PodWants(const Json& pod, const std::string& audience) {
  for (const Json& volume : pod["spec"].value("volumes", Json::array())) {
    const Json* const sources = Member(volume, "projected.sources");
    for (const Json& source : sources != nullptr ? *sources : Json::array()) {
      const Json* const token = Member(source, "serviceAccountToken");
      if (token != nullptr && Text(*token, "audience") == audience) {
        return true;
      }
    }
  }
  return false;
}

long LifeOf(const Json& spec) {
  const long life = spec.value("expirationSeconds", kDefaultLife);
  if (life < kShortestLife) {
    Fail(422, "Invalid",
         "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid "
         "value: " +
             std::to_string(life) + ": may not specify a duration less than 10 minutes",
         {{"group", "authentication.k8s.io"}, {"kind", "TokenRequest"}});
  }
  return life;
}

Json TokenAnswer(const Json& account, Json spec, Json status) {
  Json metadata = account["metadata"];
  metadata.erase("resourceVersion");
  return {{"kind", "TokenRequest"},
          {"apiVersion", "authentication.k8s.io/v1"},
          {"metadata", std::move(metadata)},
          {"spec", std::move(spec)},
          {"status", std::move(status)}};
}

bool Gone(const Json& object, SystemTime now) {
  const std::string deletion = Text(object, "metadata.deletionTimestamp");
  return !deletion.empty() && FromTimestamp(deletion) + kDeletionLeeway < now;
}

User UserOf(const Json& claims) {
  const Json& ours = claims["kubernetes.io"];
  User user;
  const std::string ns = Text(ours, "namespace");
  user.name = "system:serviceaccount:" + ns + ":" + Text(ours, "serviceaccount.name");
  user.uid = Text(ours, "serviceaccount.uid");
  user.groups = {"system:serviceaccounts", "system:serviceaccounts:" + ns, "system:authenticated"};
  const std::string prefix = "authentication.kubernetes.io/";
  user.extra[prefix + "credential-id"] = "JTI=" + Text(claims, "jti");
  for (const std::string kind : {"node", "pod"}) {
    if (ours.contains(kind)) {
      user.extra[prefix + kind + "-name"] = Text(ours, kind + ".name");
      user.extra[prefix + kind + "-uid"] = Text(ours, kind + ".uid");
    }
  }
  return user;
}

}  // namespace

std::string Timestamp(SystemTime when) {
  const std::time_t at = UnixSeconds(when);
  std::tm parts{};
  gmtime_r(&at, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

SystemTime FromTimestamp(const std::string& text) {
  std::tm parts{};
  strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return FromUnixSeconds(timegm(&parts));
}

bool User::InGroup(const std::string& group) const {
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

std::string User::node() const {
  const std::string prefix = "system:node:";
  return InGroup("system:nodes") && name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : "";
}

void Tokens::CheckKubelet(const User& caller, const Target& account, const Json& spec) const {
  if (caller.node().empty()) {
    return;
  }
  const Json* const bound = BoundReference(spec);
  if (bound == nullptr || Text(*bound, "kind") != "Pod") {
    Forbid(account, "node requested token not bound to a pod");
  }
  if (Text(*bound, "uid").empty()) {
    Forbid(account, "node requested token with a pod binding without a uid");
  }
  const ObjectPtr pod = store_.Find(TypeOf("pods"), account.ns, Text(*bound, "name"));
  if (pod == nullptr || Text(*pod, "spec.nodeName") != caller.node()) {
    Forbid(account, "node requested token bound to a pod scheduled on a different node");
  }
  const auto asked = spec.value("audiences", std::vector<std::string>{});
  for (const std::string& audience : asked.empty() ? std::vector<std::string>{""} : asked) {
    if (!PodWants(*pod, audience)) {
      Forbid(account, caller.name + " is not authorized to request tokens for audience \"" +
                          audience + "\"");
    }
  }
}

Json Tokens::BoundClaims(const Json& reference, const Target& account,
                         const std::string& name) const {
  const std::string kind = Text(reference, "kind");
  if (kind != "Pod" && kind != "Secret" && kind != "Node") {
    Fail(400, "BadRequest", "cannot bind token to object of type /v1, Kind=" + kind);
  }
  const ResourceType& type = TypeOf(kind == "Pod" ? "pods" : kind == "Node" ? "nodes" : "secrets");
  const ObjectPtr object = store_.Find(type, type.namespaced ? account.ns : "", name);
  if (object == nullptr) {
    Fail(404, "NotFound", std::string(type.plural) + " \"" + name + "\" not found",
         {{"name", name}, {"kind", type.plural}});
  }
  if (kind == "Pod" && Text(*object, "spec.serviceAccountName") != account.name) {
    Fail(400, "BadRequest",
         "cannot bind token for serviceaccount \"" + account.name +
             "\" to pod running with different serviceaccount name.");
  }
  const std::string uid = Text(reference, "uid");
  if (!uid.empty() && uid != Text(*object, "metadata.uid")) {
    Fail(409, "Conflict",
         "Operation cannot be fulfilled on " + kind + " \"" + name +
             "\": the UID in the bound object reference (" + uid +
             ") does not match the UID in record. The object might have been deleted and then "
             "recreated",
         {{"name", name}, {"kind", kind}});
  }
  Json claims = {{kind == "Pod" ? "pod" : kind == "Node" ? "node" : "secret", Reference(*object)}};
  if (kind == "Pod") {
    const ObjectPtr node = store_.Find(TypeOf("nodes"), "", Text(*object, "spec.nodeName"));
    if (node != nullptr) {
      claims["node"] = Reference(*node);
    }
  }
  return claims;
}

Json Tokens::Issue(const User& caller, const Target& account, Json request, SystemTime now) const {
  const ObjectPtr object = store_.Find(*account.type, account.ns, account.name);
  if (object == nullptr) {
    Fail(404, "NotFound", "serviceaccounts \"" + account.name + "\" not found",
         {{"name", account.name}, {"kind", "serviceaccounts"}});
  }
  Json spec = request.value("spec", Json::object());
  CheckKubelet(caller, account, spec);
  const long life = LifeOf(spec);
  auto audiences = spec.value("audiences", std::vector<std::string>{});
  const Json* const bound = BoundReference(spec);
  Json ours =
      bound != nullptr ? BoundClaims(*bound, account, Text(*bound, "name")) : Json::object();
  ours["namespace"] = account.ns;
  ours["serviceaccount"] = Reference(*object);
  const bool extended = audiences.empty() && life == kInjectedLife && ours.contains("pod");
  if (extended) {
    ours["warnafter"] = UnixSeconds(now) + life;
  }
  if (audiences.empty()) {
    audiences = {kIssuer};
  }
  const Json claims = {{"aud", audiences},
                       {"exp", UnixSeconds(now) + (extended ? kYear : life)},
                       {"iat", UnixSeconds(now)},
                       {"nbf", UnixSeconds(now)},
                       {"iss", kIssuer},
                       {"jti", NewUid()},
                       {"kubernetes.io", ours},
                       {"sub", "system:serviceaccount:" + account.ns + ":" + account.name}};
  spec["audiences"] = audiences;
  spec["expirationSeconds"] = life;
  spec["boundObjectRef"] = bound != nullptr ? *bound : Json();
  return TokenAnswer(
      *object, std::move(spec),
      {{"token", keys_.Sign(claims)}, {"expirationTimestamp", Timestamp(now + seconds(life))}});
}

Verdict Tokens::Judge(const std::string& token, const std::vector<std::string>& audiences,
                      SystemTime now) {
  const std::string key = Sha256(token) + Quoted(audiences);
  const auto cached = cache_.find(key);
  if (cached != cache_.end() && now < cached->second.until) {
    return cached->second.verdict;
  }
  Verdict verdict = JudgeFresh(token, audiences, now);
  if (verdict.user) {
    cache_[key] = {verdict, now + kCacheLife};
  }
  return verdict;
}

Verdict Tokens::JudgeFresh(const std::string& token, const std::vector<std::string>& audiences,
                           SystemTime now) const {
  Verdict verdict;
  if (!keys_.Knows(token)) {
    verdict.error = "invalid bearer token";
    return verdict;
  }
  const std::optional<Json> claims = keys_.Verify(token);
  const auto refuse = [&](const std::string& why) {
    verdict.error = "[invalid bearer token, " + why + "]";
    return verdict;
  };
  if (!claims) {
    return refuse("go-jose/go-jose: error in cryptographic primitive");
  }
  const auto has = claims->value("aud", std::vector<std::string>{});
  for (const std::string& audience : audiences) {
    if (std::find(has.begin(), has.end(), audience) != has.end()) {
      verdict.audiences.push_back(audience);
    }
  }
  if (verdict.audiences.empty()) {
    return refuse("token audiences " + Quoted(has) + " is invalid for the target audiences " +
                  Quoted(audiences));
  }
  const std::string problem = Problem(*claims, now);
  if (!problem.empty()) {
    return refuse(problem);
  }
  verdict.user = UserOf(*claims);
  return verdict;
}

std::string Tokens::Problem(const Json& claims, SystemTime now) const {
  if (FromUnixSeconds(claims.value("exp", 0L)) + kClockLeeway < now) {
    return "service account token has expired";
  }
  if (FromUnixSeconds(claims.value("nbf", 0L)) - kClockLeeway > now) {
    return "service account token is not valid yet";
  }
  const Json& ours = claims["kubernetes.io"];
  const std::string name = Text(ours, "serviceaccount.name");
  const ObjectPtr account = store_.Find(TypeOf("serviceaccounts"), Text(ours, "namespace"), name);
  if (account == nullptr) {
    return "serviceaccounts \"" + name + "\" not found";
  }
  const std::string uid = Text(*account, "metadata.uid");
  const std::string claimed = Text(ours, "serviceaccount.uid");
  if (uid != claimed) {
    return "service account UID (" + uid + ") does not match claim (" + claimed + ")";
  }
  return Gone(*account, now) ? kInvalidated : BoundProblem(ours, now);
}

std::string Tokens::BoundProblem(const Json& bound, SystemTime now) const {
  // The node of a pod-bound token is a note, not a bond.
  const std::string kind = bound.contains("secret") ? "secret"
                           : bound.contains("pod")  ? "pod"
                           : bound.contains("node") ? "node"
                                                    : "";
  if (kind.empty()) {
    return "";
  }
  const ObjectPtr object =
      store_.Find(TypeOf(kind + "s"), kind == "node" ? "" : Text(bound, "namespace"),
                  Text(bound, kind + ".name"));
  if (object == nullptr || Gone(*object, now)) {
    return kInvalidated;
  }
  const std::string uid = Text(*object, "metadata.uid");
  const std::string claimed = Text(bound, kind + ".uid");
  return uid == claimed ? ""
                        : kind + " UID (" + uid + ") does not match service account " + kind +
                              " ref claim (" + claimed + ")";
}

}  // namespace signet::test::kube
