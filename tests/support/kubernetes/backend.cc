#include "tests/support/kubernetes/backend.h"

#include <fcntl.h>
#include <sys/stat.h>
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
                      options.api_server_flags.empty() && !options.es256 && *SharedFolder() != '\0';
  if (kind == Kind::kReal) {
    if (const std::string why = KubeServers::WhyNoReal(); !why.empty()) {
      Skip(why);
    }
  }
  if (shares) {
    const std::string file = std::string(SharedFolder()) + "/url";
    impl->url = ReadWholeFile(file);
    utimensat(AT_FDCWD, file.c_str(), nullptr, 0);  // it is in use
    impl->pki = KubePki(SharedFolder());
    if (impl->url.empty()) {
      throw std::runtime_error("the shared API server does not run: start these tests by ctest");
    }
  } else {
    const std::string& folder = impl->folder.path();
    const KubeServers::Options wanted{.flags = options.api_server_flags, .es256 = options.es256};
    impl->servers = kind == Kind::kStub ? KubeServers::StartStub(folder, wanted)
                                        : KubeServers::StartReal(folder, wanted);
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

void KubeBackend::Pause() { impl_->Own().Pause(); }
void KubeBackend::Continue() { impl_->Own().Continue(); }
void KubeBackend::Stop() { impl_->Own().Stop(); }

void KubeBackend::Restart() {
  impl_->Own().Stop();
  impl_->idle.clear();
  impl_->Own().Start();
}

}  // namespace signet::test
