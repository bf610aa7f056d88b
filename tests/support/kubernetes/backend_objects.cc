// The part of KubeBackend that speaks of objects: all of it by KubeBackend::Do.
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "tests/support/kubernetes/backend.h"

namespace signet::test {
namespace {

using Json = nlohmann::json;

const std::string kReviews = "/apis/authentication.k8s.io/v1/tokenreviews";
const std::string kRbac = "/apis/rbac.authorization.k8s.io/v1/";

Json Containers(const std::vector<KubeContainer>& containers) {
  Json out = Json::array();
  for (const KubeContainer& container : containers) {
    out.push_back({{"name", container.name}, {"image", container.image}});
  }
  return out;
}

Json Statuses(const std::vector<KubeContainerStatus>& statuses) {
  Json out = Json::array();
  for (const KubeContainerStatus& status : statuses) {
    const bool runs = !status.container_id.empty();
    Json state = Json::object();
    state[runs ? "running" : "waiting"] = Json::object();
    Json& one = out.emplace_back(Json{{"name", status.name},
                                      {"image", status.image},
                                      {"imageID", status.image_id},
                                      {"ready", runs},
                                      {"restartCount", 0},
                                      {"state", state}});
    if (runs) {
      one["containerID"] = status.container_id;
    }
  }
  return out;
}

Json PodObject(const KubePod& pod) {
  Json spec = {{"serviceAccountName", pod.sa}, {"containers", Containers(pod.containers)}};
  if (!pod.node.empty()) {
    spec["nodeName"] = pod.node;
  }
  if (!pod.init_containers.empty()) {
    spec["initContainers"] = Containers(pod.init_containers);
  }
  if (!pod.spec_json.empty()) {
    spec.merge_patch(Json::parse(pod.spec_json));
  }
  Json metadata = {{"name", pod.name}, {"labels", pod.labels}, {"annotations", pod.annotations}};
  if (!pod.owner.empty()) {
    const std::size_t first = pod.owner.find('/');
    const std::size_t second = pod.owner.find('/', first + 1);
    metadata["ownerReferences"] = {{{"apiVersion", "apps/v1"},
                                    {"kind", pod.owner.substr(0, first)},
                                    {"name", pod.owner.substr(first + 1, second - first - 1)},
                                    {"uid", pod.owner.substr(second + 1)},
                                    {"controller", true}}};
  }
  return {{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", metadata}, {"spec", spec}};
}

std::string CorePath(const std::string& kind, const std::string& ns, const std::string& name = "") {
  return "/api/v1/" + (ns.empty() ? "" : "namespaces/" + ns + "/") + kind +
         (name.empty() ? "" : "/" + name);
}

}  // namespace

std::string KubeBackend::Must(const std::string& method, const std::string& path,
                              const std::string& body) {
  KubeAnswer answer = Raw(method, path, body);
  if (answer.status < 200 || answer.status >= 300) {
    throw std::runtime_error(method + " " + path + ": " + std::to_string(answer.status) + " " +
                             answer.body);
  }
  return std::move(answer.body);
}

std::string KubeBackend::Create(const std::string& path, const std::string& object) {
  return Json::parse(Must("POST", path, object)).at("metadata").at("uid").get<std::string>();
}

void KubeBackend::GrantCaRights() {
  const Json read = {"get", "list", "watch"};
  const Json rules = {
      {{"apiGroups", {"authentication.k8s.io"}},
       {"resources", {"tokenreviews"}},
       {"verbs", {"create"}}},
      {{"apiGroups", {""}}, {"resources", {"pods", "nodes"}}, {"verbs", read}},
      {{"nonResourceURLs", {"/.well-known/openid-configuration", "/openid/v1/jwks"}},
       {"verbs", {"get"}}}};
  const std::string name = "signet-server";
  const std::string group = "rbac.authorization.k8s.io";
  // Another test may have made both before.
  Raw("POST", kRbac + "clusterroles",
      Json{{"metadata", {{"name", name}}}, {"rules", rules}}.dump());
  Raw("POST", kRbac + "clusterrolebindings",
      Json{{"metadata", {{"name", name}}},
           {"roleRef", {{"apiGroup", group}, {"kind", "ClusterRole"}, {"name", name}}},
           {"subjects", {{{"apiGroup", group}, {"kind", "User"}, {"name", name}}}}}
          .dump());
  // A real server reads roles by a watch of its own.
  for (int i = 0; i < 200; ++i) {
    if (Do({.path = "/api/v1/nodes?limit=1", .as = "ca"}).status == 200) {
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  throw std::runtime_error("the CA's rights do not take effect");
}

std::string KubeBackend::CreateNamespace(const std::string& prefix) {
  const std::string name = Unique(prefix);
  Create("/api/v1/namespaces", Json{{"metadata", {{"name", name}}}}.dump());
  CreateServiceAccount(name, "default");
  return name;
}

std::string KubeBackend::CreateServiceAccount(const std::string& ns, const std::string& name) {
  return Create(CorePath("serviceaccounts", ns), Json{{"metadata", {{"name", name}}}}.dump());
}

std::string KubeBackend::CreateNode(const std::string& name,
                                    const std::map<std::string, std::string>& labels) {
  return Create("/api/v1/nodes", Json{{"metadata", {{"name", name}, {"labels", labels}}}}.dump());
}

std::string KubeBackend::CreatePod(const KubePod& pod) {
  return Create(CorePath("pods", pod.ns), PodObject(pod).dump());
}

void KubeBackend::SetPodStatus(const std::string& ns, const std::string& pod,
                               const KubePodStatus& status) {
  Json body = {{"phase", status.phase},
               {"containerStatuses", Statuses(status.containers)},
               {"initContainerStatuses", Statuses(status.init_containers)},
               {"ephemeralContainerStatuses", Statuses(status.ephemeral_containers)}};
  if (!status.host_ip.empty()) {
    body["hostIP"] = status.host_ip;
    body["hostIPs"] = {{{"ip", status.host_ip}}};
  }
  Must("PATCH", CorePath("pods", ns, pod) + "/status", Json{{"status", body}}.dump());
}

void KubeBackend::Delete(const std::string& kind, const std::string& ns, const std::string& name,
                         int grace) {
  Must("DELETE",
       CorePath(kind, ns, name) + (grace < 0 ? "" : "?gracePeriodSeconds=" + std::to_string(grace)),
       "");
}

KubeAnswer KubeBackend::RequestToken(const KubeToken& request, const std::string& as) {
  Json spec = {{"expirationSeconds", request.seconds}};
  if (!request.audiences.empty()) {
    spec["audiences"] = request.audiences;
  }
  if (!request.bound_kind.empty()) {
    spec["boundObjectRef"] = {
        {"kind", request.bound_kind}, {"apiVersion", "v1"}, {"name", request.bound_name}};
    if (!request.bound_uid.empty()) {
      spec["boundObjectRef"]["uid"] = request.bound_uid;
    }
  }
  return Do({.method = "POST",
             .path = CorePath("serviceaccounts", request.ns, request.sa) + "/token",
             .body = Json{{"apiVersion", "authentication.k8s.io/v1"},
                          {"kind", "TokenRequest"},
                          {"spec", spec}}
                         .dump(),
             .as = as});
}

std::string KubeBackend::Token(const KubeToken& request) {
  const KubeAnswer answer = RequestToken(request);
  if (answer.status != 201) {
    throw std::runtime_error("TokenRequest: " + std::to_string(answer.status) + " " + answer.body);
  }
  return Json::parse(answer.body).at("status").at("token").get<std::string>();
}

KubeAnswer KubeBackend::Review(const std::string& token,
                               const std::vector<std::string>& audiences) {
  Json spec = {{"token", token}};
  if (!audiences.empty()) {
    spec["audiences"] = audiences;
  }
  return Raw(
      "POST", kReviews,
      Json{{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "TokenReview"}, {"spec", spec}}
          .dump());
}

std::string KubeBackend::Admin(const std::string& what, const std::string& body) {
  if (!is_stub()) {
    throw std::logic_error("only the stub can " + what);
  }
  return Must("POST", "/stub/" + what, body.empty() ? "{}" : body);
}

void KubeBackend::FailNext(const Failure& failure) {
  Admin("fail", Json{{"count", failure.count},
                     {"status", failure.status},
                     {"path", failure.path_contains},
                     {"retry_after", failure.retry_after_seconds},
                     {"body", failure.body}}
                    .dump());
}

void KubeBackend::DropWatches() { Admin("drop-watches"); }
void KubeBackend::SendBookmarks() { Admin("bookmark"); }
void KubeBackend::Compact() { Admin("compact"); }
void KubeBackend::RotateSigningKey() { Admin("rotate-key"); }

void KubeBackend::AnswerReviews(const std::string& status_json) {
  Admin("reviews", Json{{"status", status_json}}.dump());
}

void KubeBackend::AdvanceClock(std::chrono::seconds by) {
  Admin("clock", Json{{"seconds", by.count()}}.dump());
}

int KubeBackend::CountRequests(const std::string& method, const std::string& path_contains) {
  const Json body = {{"method", method}, {"path", path_contains}};
  return Json::parse(Admin("count", body.dump())).at("requests").get<int>();
}

int KubeBackend::OpenWatches() {
  const Json body = {{"method", "GET"}, {"path", ""}};
  return Json::parse(Admin("count", body.dump())).at("watches").get<int>();
}

}  // namespace signet::test
