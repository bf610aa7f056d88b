// Reads, writes, watches and rights of an API server, on the stub and on the real thing.
#include <atomic>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "tests/support/kubernetes/backend.h"
#include "tests/support/result.h"

namespace signet::test {
namespace {

using Json = nlohmann::json;

std::vector<Json> Lines(const std::string& body) {
  std::vector<Json> out;
  std::istringstream in(body);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) {
      out.push_back(Json::parse(line));
    }
  }
  return out;
}

Json Read(KubeBackend& kube, const std::string& path) {
  const KubeAnswer answer = kube.Raw("GET", path);
  INFO(answer.body);
  REQUIRE(answer.status == 200);
  return Json::parse(answer.body);
}

std::string Version(const Json& object) {
  return object.at("metadata").at("resourceVersion").get<std::string>();
}

std::string PodsOf(const std::string& ns) { return "/api/v1/namespaces/" + ns + "/pods"; }

TEST_CASE("a long list comes in pages of one version") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("obj");
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    kube->CreatePod({.ns = ns, .name = name});
  }
  Json page = Read(*kube, PodsOf(ns) + "?limit=2");
  const std::string version = Version(page);
  CHECK(page.at("kind") == "PodList");
  CHECK_FALSE(page.at("items").at(0).contains("kind"));
  CHECK(page.at("metadata").at("remainingItemCount") == 3);
  kube->Delete("pods", ns, "e");  // does not change what the next pages hold
  std::string names;
  for (int pages = 1;; ++pages) {
    for (const Json& item : page.at("items")) {
      names += item.at("metadata").at("name").get<std::string>();
    }
    const std::string next = page.at("metadata").value("continue", "");
    if (next.empty()) {
      CHECK(pages == 3);
      break;
    }
    page = Read(*kube, PodsOf(ns) + "?limit=2&continue=" + next);
    CHECK(Version(page) == version);
  }
  CHECK(names == "abcde");
  CHECK(kube->Raw("GET", PodsOf(ns) + "?limit=2&continue=xx").status == 400);
}

TEST_CASE("lists are narrowed by fields, and refused for fields that there are not") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("obj");
  const std::string node = kube->Unique("node");
  kube->CreatePod({.ns = ns, .name = "on", .node = node, .labels = {{"app", "x"}}});
  kube->CreatePod({.ns = ns, .name = "off"});
  const auto names = [&](const std::string& query) {
    std::string out;
    const Json list = Read(*kube, query);
    for (const Json& item : list.at("items")) {
      out += item.at("metadata").at("name").get<std::string>() + " ";
    }
    return out;
  };
  CHECK(names("/api/v1/pods?fieldSelector=spec.nodeName%3D" + node) == "on ");
  CHECK(names(PodsOf(ns) + "?fieldSelector=metadata.name%3Doff") == "off ");
  CHECK(names(PodsOf(ns) + "?labelSelector=app%3Dx") == "on ");
  CHECK(names(PodsOf(ns)) == "off on ");
  const KubeAnswer odd = kube->Raw("GET", PodsOf(ns) + "?fieldSelector=spec.odd%3Dx");
  CHECK(odd.status == 400);
  CHECK_THAT(odd.body, Catch::Contains("field label not supported: spec.odd"));
}

TEST_CASE("metadata alone is given to who asks for it") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("obj");
  kube->CreatePod({.ns = ns, .name = "p", .labels = {{"a", "b"}}});
  const KubeAnswer answer = kube->Do(
      {.path = PodsOf(ns),
       .headers = {"Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}});
  const Json list = Json::parse(answer.body);
  CHECK(list.at("kind") == "PartialObjectMetadataList");
  const Json item = list.at("items").at(0);
  CHECK(item.at("kind") == "PartialObjectMetadata");
  CHECK(item.at("metadata").at("labels") == Json{{"a", "b"}});
  CHECK_FALSE(item.contains("spec"));
}

TEST_CASE("a watch tells of each change after its version") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("obj");
  const std::string node = kube->Unique("node");
  kube->CreatePod({.ns = ns, .name = "old", .node = node});
  const std::string version = Version(Read(*kube, PodsOf(ns)));
  kube->CreatePod({.ns = ns, .name = "new", .node = node});
  kube->SetPodStatus(ns, "new", {.containers = {{.container_id = "containerd://abc"}}});
  kube->Delete("pods", ns, "new", 7);
  kube->Delete("pods", ns, "new", 0);
  kube->Delete("pods", ns, "old", 0);
  const KubeAnswer answer =
      kube->Raw("GET", "/api/v1/pods?watch=1&timeoutSeconds=1&fieldSelector=spec.nodeName%3D" +
                           node + "&resourceVersion=" + version);
  REQUIRE(answer.status == 200);
  std::string seen;
  for (const Json& event : Lines(answer.body)) {
    const Json& pod = event.at("object");
    CHECK(pod.at("kind") == "Pod");
    seen += event.at("type").get<std::string>() + " " +
            pod.at("metadata").at("name").get<std::string>() + " " +
            pod.at("status").at("phase").get<std::string>() +
            (pod.at("metadata").contains("deletionTimestamp") ? " ending" : "") + "\n";
  }
  CHECK(seen ==
        "ADDED new Pending\nMODIFIED new Running\nMODIFIED new Running ending\n"
        "MODIFIED new Running ending\nDELETED new Running ending\n"
        "MODIFIED old Pending ending\nDELETED old Pending ending\n");
}

TEST_CASE("a pod that no node has ends at once") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("obj");
  kube->CreatePod({.ns = ns, .name = "p"});
  const std::string version = Version(Read(*kube, PodsOf(ns)));
  kube->Delete("pods", ns, "p", 30);
  const KubeAnswer answer =
      kube->Raw("GET", PodsOf(ns) + "?watch=1&timeoutSeconds=1&resourceVersion=" + version);
  const std::vector<Json> events = Lines(answer.body);
  REQUIRE_FALSE(events.empty());
  CHECK(events.back().at("type") == "DELETED");
  CHECK(kube->Raw("GET", PodsOf(ns) + "/p").status == 404);
}

TEST_CASE("a watch that wants bookmarks gets one before it ends, if something has happened") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("obj");
  const std::string elsewhere = kube->CreateNamespace("obj");
  kube->CreatePod({.ns = ns, .name = "p"});
  const std::string version = Version(Read(*kube, PodsOf(ns)));
  std::atomic<bool> over = false;
  std::thread churn([&] {
    for (int i = 0; !over; ++i) {
      kube->CreatePod({.ns = elsewhere, .name = "p" + std::to_string(i)});
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  });
  const KubeAnswer answer =
      kube->Raw("GET", PodsOf(ns) + "?watch=true&timeoutSeconds=4&allowWatchBookmarks=true" +
                           "&resourceVersion=" + version);
  over = true;
  churn.join();
  const std::vector<Json> events = Lines(answer.body);
  REQUIRE_FALSE(events.empty());
  CHECK(events.back().at("type") == "BOOKMARK");
  CHECK(events.back().at("object").at("kind") == "Pod");
  CHECK_FALSE(Version(events.back().at("object")).empty());
}

TEST_CASE("a watch from a version that is gone gets 410 as an event") {
  const auto kube = KubeBackend::Start({.exclusive = true});
  const std::string ns = kube->CreateNamespace("obj");
  kube->CreatePod({.ns = ns, .name = "p"});
  const std::string version = Version(Read(*kube, PodsOf(ns)));
  for (int i = 0; i < 5; ++i) {
    kube->CreatePod({.ns = ns, .name = "q" + std::to_string(i)});
  }
  kube->Restart();
  CHECK(Read(*kube, PodsOf(ns)).at("items").size() == 6);
  const KubeAnswer answer =
      kube->Raw("GET", PodsOf(ns) + "?watch=1&timeoutSeconds=2&resourceVersion=" + version);
  CHECK(answer.status == 200);
  const std::vector<Json> events = Lines(answer.body);
  REQUIRE(events.size() == 1);
  CHECK(events[0].at("type") == "ERROR");
  CHECK(events[0].at("object").at("kind") == "Status");
  CHECK(events[0].at("object").at("code") == 410);
  CHECK(events[0].at("object").at("reason") == "Expired");
}

TEST_CASE("a write with an old version is a conflict") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("obj");
  const std::string maps = "/api/v1/namespaces/" + ns + "/configmaps";
  const auto body = [](const std::string& version, const std::string& value) {
    Json object = {{"metadata", {{"name", "c"}}}, {"data", {{"k", value}}}};
    if (!version.empty()) {
      object["metadata"]["resourceVersion"] = version;
    }
    return object.dump();
  };
  CHECK(kube->Raw("PUT", maps + "/c", body("", "1")).status == 404);
  const KubeAnswer made = kube->Raw("POST", maps, body("", "1"));
  CHECK(made.status == 201);
  const std::string first = Version(Json::parse(made.body));
  CHECK(kube->Raw("POST", maps, body("", "1")).status == 409);
  CHECK(kube->Raw("PUT", maps + "/c", body(first, "2")).status == 200);
  const KubeAnswer late = kube->Raw("PUT", maps + "/c", body(first, "3"));
  CHECK(late.status == 409);
  CHECK(Json::parse(late.body).at("reason") == "Conflict");
  CHECK(kube->Raw("PATCH", maps + "/c", body(first, "3")).status == 409);
  CHECK(kube->Raw("PATCH", maps + "/c", R"({"data":{"l":"4"}})").status == 200);
  CHECK(Read(*kube, maps + "/c").at("data") == Json{{"k", "2"}, {"l", "4"}});
  CHECK(kube->Raw("DELETE", maps + "/c").status == 200);
  CHECK(kube->Raw("GET", maps + "/c").status == 404);
}

TEST_CASE("refusals name user, verb, resource and scope") {
  const auto kube = KubeBackend::Start();
  const auto message = [&](const std::string& as, const std::string& method,
                           const std::string& path, int status) {
    const KubeAnswer answer =
        kube->Do({.method = method, .path = path, .body = method == "GET" ? "" : "{}", .as = as});
    CHECK(answer.status == status);
    return Json::parse(answer.body).at("message").get<std::string>();
  };
  CHECK(
      message("nobody", "GET", "/api/v1/pods", 403) ==
      R"(pods is forbidden: User "nobody" cannot list resource "pods" in API group "" at the cluster scope)");
  CHECK(
      message("nobody", "GET", "/api/v1/namespaces/default/pods/x", 403) ==
      R"(pods "x" is forbidden: User "nobody" cannot get resource "pods" in API group "" in the namespace "default")");
  CHECK(
      message("nobody", "POST", "/apis/authentication.k8s.io/v1/tokenreviews", 403) ==
      R"(tokenreviews.authentication.k8s.io is forbidden: User "nobody" cannot create resource "tokenreviews" in API group "authentication.k8s.io" at the cluster scope)");
  CHECK(
      message("nobody", "PUT", "/api/v1/namespaces/default/pods/x/status", 403) ==
      R"(pods "x" is forbidden: User "nobody" cannot update resource "pods/status" in API group "" in the namespace "default")");
  CHECK(
      message("", "GET", "/api/v1/pods", 403) ==
      R"(pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope)");
  CHECK(message("nobody", "GET", "/.well-known/openid-configuration", 403) ==
        R"(forbidden: User "nobody" cannot get path "/.well-known/openid-configuration")");
  CHECK(message("admin", "GET", "/api/v1/namespaces/default/pods/x", 404) ==
        R"(pods "x" not found)");
  const KubeAnswer bad = kube->Do({.path = "/api/v1/pods", .token = "junk"});
  CHECK(bad.status == 401);
  CHECK(Json::parse(bad.body).at("message") == "Unauthorized");
}

TEST_CASE("the CA's user may do what the CA needs and no more") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("obj");
  kube->Kubeconfig("ca");
  const auto status = [&](const std::string& method, const std::string& path) {
    return kube
        ->Do({.method = method, .path = path, .body = method == "GET" ? "" : "{}", .as = "ca"})
        .status;
  };
  CHECK(status("GET", "/api/v1/pods?limit=1") == 200);
  CHECK(status("GET", "/api/v1/nodes?limit=1") == 200);
  CHECK(status("GET", "/openid/v1/jwks") == 200);
  CHECK(status("POST", "/apis/authentication.k8s.io/v1/tokenreviews") == 400);  // no token in it
  CHECK(status("GET", "/api/v1/namespaces/" + ns + "/secrets") == 403);
  CHECK(status("POST", "/api/v1/namespaces/" + ns + "/serviceaccounts/default/token") == 403);
  CHECK(status("POST", "/api/v1/namespaces/" + ns + "/configmaps") == 403);
  CHECK(status("DELETE", "/api/v1/namespaces/" + ns + "/pods/x") == 403);
}

TEST_CASE("keys are published to service accounts, with an age") {
  const auto kube = KubeBackend::Start();
  const std::string ns = kube->CreateNamespace("obj");
  const std::string token = kube->Token({.ns = ns});
  const KubeAnswer document =
      kube->Do({.path = "/.well-known/openid-configuration", .token = token});
  REQUIRE(document.status == 200);
  const Json parsed = Json::parse(document.body);
  CHECK(parsed.at("issuer") == kube->issuer());
  CHECK(parsed.at("jwks_uri") == kube->url() + "/openid/v1/jwks");
  const Json keys = Json::parse(kube->Do({.path = "/openid/v1/jwks", .token = token}).body);
  CHECK(keys.at("keys").size() == 1);
  const std::vector<std::string> plain = {"Accept: application/json"};
  CHECK(kube->Do({.path = "/openid/v1/jwks", .token = token, .headers = plain}).status == 406);
  CHECK(keys.at("keys").at(0).at("kty") == "RSA");
  CHECK(kube->Do({.path = "/api/v1/pods", .token = token}).status == 403);
  const std::string for_ca = kube->Token({.ns = ns, .audiences = {"spiffe-ca"}});
  CHECK(kube->Do({.path = "/api/v1/pods", .token = for_ca}).status == 401);
}

TEST_CASE("a kubelet sees its own node and its pods alone") {
  const auto kube = KubeBackend::Start();
  const std::string node = kube->Unique("node");
  kube->CreateNode(node);
  const auto status = [&](const std::string& path) {
    return kube->Do({.path = path, .as = "node:" + node}).status;
  };
  CHECK(status("/api/v1/pods?fieldSelector=spec.nodeName%3D" + node) == 200);
  CHECK(status("/api/v1/pods?fieldSelector=spec.nodeName%3Dother") == 403);
  CHECK(status("/api/v1/pods") == 403);
  CHECK(status("/api/v1/nodes/" + node) == 200);
  CHECK(status("/api/v1/nodes/other") == 403);
}

}  // namespace
}  // namespace signet::test
