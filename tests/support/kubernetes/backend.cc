#include "tests/support/kubernetes/backend.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "tests/support/kubernetes/client.h"
#include "tests/support/kubernetes/pki.h"
#include "tests/support/kubernetes/process.h"
#include "tests/support/kubernetes/servers.h"
#include "tests/support/temp_dir.h"

namespace signet::test {
namespace {

using Json = nlohmann::json;

constexpr int kSkipped = 77;  // what ctest takes for "skipped"
const std::string kReviews = "/apis/authentication.k8s.io/v1/tokenreviews";
const std::string kRbac = "/apis/rbac.authorization.k8s.io/v1/";

[[noreturn]] void Skip(const std::string& why) {
  std::printf("skipped, not proved: Kubernetes cases on a real API server: %s\n", why.c_str());
  std::fflush(stdout);
  std::_Exit(kSkipped);
}

/// Set: the real server is wanted. Its value is the folder of the one that the tests of a ctest run
/// share (real_main.cc); empty: each test starts its own.
const char* SharedFolder() { return std::getenv("SIGNET_KUBE_REAL"); }

KubeUser UserOf(const std::string& name) {
  const std::string node = "node:";
  if (name == "admin") {
    return {.name = "test-admin", .group = "system:masters"};
  }
  if (name == "ca") {
    return {.name = "signet-server"};
  }
  if (name.rfind(node, 0) == 0) {
    return {.name = "system:node:" + name.substr(node.size()), .group = "system:nodes"};
  }
  return {.name = name};
}

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

struct KubeBackend::Impl {
  Kind kind = Kind::kStub;
  TempDir folder = {};
  std::unique_ptr<KubeServers> servers = {};  ///< null: shared
  std::string pki = {};
  std::string url = {};
  std::string ca_file = {};
  std::atomic<int> files = 0;
  std::atomic<int> names = 0;
  std::mutex mutex = {};                                                       ///< of what follows
  std::map<std::string, std::vector<std::unique_ptr<HttpsClient>>> idle = {};  ///< by user
  std::map<std::string, std::string> kubeconfigs = {};

  /// The path, without ending, of a user's certificate and key. Under the lock.
  std::string Certificate(const std::string& user);
  /// TakeClient gives a connection of this user that nobody uses; put it back into `idle`.
  std::unique_ptr<HttpsClient> TakeClient(const std::string& user);
  KubeServers& Own() const;
  std::string WriteConfig(const Json& user);
};

std::string KubeBackend::Impl::Certificate(const std::string& user) {
  std::string file = user;
  for (char& c : file) {
    c = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' ? c : '_';
  }
  file = folder.File("user-" + file);
  if (access((file + ".pem").c_str(), F_OK) != 0) {
    IssueKubeClient(pki, UserOf(user), file);
  }
  return file;
}

std::unique_ptr<HttpsClient> KubeBackend::Impl::TakeClient(const std::string& user) {
  const std::lock_guard lock(mutex);
  auto& clients = idle[user];
  if (clients.empty()) {
    return std::make_unique<HttpsClient>(HttpsClient::Credential{
        .ca_file = ca_file, .client = user.empty() ? "" : Certificate(user)});
  }
  std::unique_ptr<HttpsClient> client = std::move(clients.back());
  clients.pop_back();
  return client;
}

KubeServers& KubeBackend::Impl::Own() const {
  if (servers == nullptr) {
    throw std::logic_error("this needs KubeBackend::Options::exclusive: the server is shared");
  }
  return *servers;
}

std::string KubeBackend::Impl::WriteConfig(const Json& user) {
  const Json config = {
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"clusters",
       {{{"name", "test"}, {"cluster", {{"server", url}, {"certificate-authority", ca_file}}}}}},
      {"users", {{{"name", "user"}, {"user", user}}}},
      {"contexts", {{{"name", "test"}, {"context", {{"cluster", "test"}, {"user", "user"}}}}}},
      {"current-context", "test"}};
  std::string path = folder.File("kubeconfig-" + std::to_string(++files));
  WriteWholeFile(path, config.dump(2));
  return path;
}

KubeBackend::KubeBackend(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KubeBackend::~KubeBackend() = default;

std::unique_ptr<KubeBackend> KubeBackend::Start(const Options& options) {
  return StartKind(SharedFolder() != nullptr ? Kind::kReal : Kind::kStub, options);
}

std::unique_ptr<KubeBackend> KubeBackend::StartStub() { return StartKind(Kind::kStub, {}); }

std::unique_ptr<KubeBackend> KubeBackend::StartKind(Kind kind, const Options& options) {
  auto impl = std::make_unique<Impl>();
  impl->kind = kind;
  const bool shares = kind == Kind::kReal && !options.exclusive &&
                      options.api_server_flags.empty() && *SharedFolder() != '\0';
  if (kind == Kind::kReal) {
    if (const std::string why = KubeServers::WhyNoReal(); !why.empty()) {
      Skip(why);
    }
  }
  if (shares) {
    impl->url = ReadWholeFile(std::string(SharedFolder()) + "/url");
    impl->pki = KubePki(SharedFolder());
    if (impl->url.empty()) {
      throw std::runtime_error("the shared API server does not run: start these tests by ctest");
    }
  } else {
    const std::string& folder = impl->folder.path();
    impl->servers = kind == Kind::kStub ? KubeServers::StartStub(folder)
                                        : KubeServers::StartReal(folder, options.api_server_flags);
    impl->url = impl->servers->url();
    impl->pki = KubePki(folder);
  }
  impl->ca_file = impl->pki + "/ca.pem";
  return std::unique_ptr<KubeBackend>(new KubeBackend(std::move(impl)));
}

KubeBackend::Kind KubeBackend::kind() const { return impl_->kind; }
const std::string& KubeBackend::url() const { return impl_->url; }
const std::string& KubeBackend::ca_file() const { return impl_->ca_file; }
std::string KubeBackend::sa_signing_key() const { return impl_->pki + "/sa.key"; }

std::string KubeBackend::Unique(const std::string& prefix) {
  return prefix + "-" + std::to_string(getpid()) + "-" + std::to_string(++impl_->names);
}

std::string KubeBackend::Kubeconfig(const std::string& user) {
  {
    const std::lock_guard lock(impl_->mutex);
    std::string& path = impl_->kubeconfigs[user];
    if (!path.empty()) {
      return path;
    }
    const std::string file = impl_->Certificate(user);
    path =
        impl_->WriteConfig({{"client-certificate", file + ".pem"}, {"client-key", file + ".key"}});
  }
  if (user == "ca") {
    GrantCaRights();
  }
  return Kubeconfig(user);
}

std::string KubeBackend::KubeconfigWithToken(const std::string& token) {
  const std::string file = impl_->folder.File("token-" + std::to_string(++impl_->files));
  WriteWholeFile(file, token);
  return impl_->WriteConfig({{"tokenFile", file}});
}

KubeAnswer KubeBackend::Do(const RawRequest& request) {
  HttpsClient::Request wire{.method = request.method,
                            .url = impl_->url + request.path,
                            .body = request.body,
                            .headers = request.headers,
                            .timeout = request.timeout};
  if (!request.token.empty()) {
    wire.headers.push_back("Authorization: Bearer " + request.token);
  }
  if (!request.body.empty()) {
    wire.headers.push_back(request.method == "PATCH" ? "Content-Type: application/merge-patch+json"
                                                     : "Content-Type: application/json");
  }
  const std::string as = request.token.empty() ? request.as : "";
  if (as == "ca") {
    Kubeconfig(as);  // grants its rights
  }
  std::unique_ptr<HttpsClient> client = impl_->TakeClient(as);
  HttpsClient::Answer answer = client->Do(wire);
  const std::lock_guard lock(impl_->mutex);
  impl_->idle[as].push_back(std::move(client));
  return {answer.status, std::move(answer.body)};
}

KubeAnswer KubeBackend::Raw(const std::string& method, const std::string& path,
                            const std::string& body) {
  return Do({.method = method, .path = path, .body = body});
}

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

void KubeBackend::Pause() { impl_->Own().Signal(SIGSTOP); }
void KubeBackend::Continue() { impl_->Own().Signal(SIGCONT); }
void KubeBackend::Stop() { impl_->Own().Stop(); }

void KubeBackend::Restart() {
  impl_->Own().Stop();
  impl_->idle.clear();
  impl_->Own().Start();
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
