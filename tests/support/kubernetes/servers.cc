#include "tests/support/kubernetes/servers.h"

#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>

#include "tests/support/kubernetes/client.h"
#include "tests/support/kubernetes/pki.h"
#include "tests/support/kubernetes/process.h"

namespace signet::test {
namespace {

constexpr std::chrono::seconds kPatience{60};

/// Waits until `ready`, while the child lives; else throws with the end of its log.
void Await(Child& child, const std::string& log_file, const std::function<bool()>& ready) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!ready()) {
    if (!child.running() || std::chrono::steady_clock::now() > end) {
      const std::string log = ReadWholeFile(log_file);
      throw std::runtime_error("API server is not ready: " +
                               log.substr(log.size() > 2000 ? log.size() - 2000 : 0));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void MakePki(const std::string& folder, bool es256) {
  mkdir(KubePki(folder).c_str(), 0700);
  MakeKubePki(KubePki(folder), {.ec = es256, .kept = SIGNET_BINARY_DIR "/kube-sa"});
}

std::string FindCommand(const std::string& what) {
  return "'" SIGNET_KUBERNETES_BUILD "' --find " + what + " 2>&1";
}

class StubServer : public KubeServers {
 public:
  StubServer(std::string folder, const Options& options)
      : folder_(std::move(folder)), port_(FreePort()) {
    MakePki(folder_, options.es256);
    Start();
  }
  std::string url() const override { return "https://127.0.0.1:" + std::to_string(port_); }
  void Pause() override { child_->Pause(); }
  void Continue() override { child_->Signal(SIGCONT); }
  void Stop() override { child_->End(SIGTERM); }
  void Start() override {
    const std::string log = folder_ + "/stub.log";
    unlink(log.c_str());
    child_ = std::make_unique<Child>(
        std::vector<std::string>{SIGNET_KUBE_STUB, "--pki", KubePki(folder_), "--port",
                                 std::to_string(port_), "--state", folder_ + "/state.json"},
        log);
    Await(*child_, log, [&] { return ReadWholeFile(log).rfind("listening", 0) == 0; });
  }

 private:
  const std::string folder_;
  const int port_;
  std::unique_ptr<Child> child_;
};

class RealServers : public KubeServers {
 public:
  RealServers(std::string folder, const Options& options)
      : folder_(std::move(folder)), port_(FreePort()), flags_(options.flags) {
    MakePki(folder_, options.es256);
    IssueKubeClient(KubePki(folder_), {.name = "probe", .group = "system:masters"},
                    folder_ + "/probe");
    StartEtcd();
    Start();
  }
  std::string url() const override { return "https://127.0.0.1:" + std::to_string(port_); }
  void Pause() override { child_->Pause(); }
  void Continue() override { child_->Signal(SIGCONT); }
  // A graceful end would wait for open watches.
  void Stop() override { child_->End(SIGKILL); }
  void Start() override;

 private:
  static std::string Find(const std::string& what) {
    std::string error;
    std::string path = RunAndRead(FindCommand(what), error);
    if (path.empty()) {
      throw std::runtime_error(error);
    }
    return path;
  }
  void StartEtcd();

  const std::string folder_;
  const int port_;
  const std::vector<std::string> flags_;
  std::string etcd_url_;
  std::unique_ptr<Child> etcd_;
  std::unique_ptr<Child> child_;
};

void RealServers::StartEtcd() {
  etcd_url_ = "http://127.0.0.1:" + std::to_string(FreePort());
  const std::string peer = "http://127.0.0.1:" + std::to_string(FreePort());
  etcd_ = std::make_unique<Child>(
      std::vector<std::string>{Find("etcd"), "--data-dir", folder_ + "/etcd",
                               "--listen-client-urls", etcd_url_, "--advertise-client-urls",
                               etcd_url_, "--listen-peer-urls", peer,
                               "--initial-advertise-peer-urls", peer, "--initial-cluster",
                               "k=" + peer, "--name", "k", "--unsafe-no-fsync"},
      folder_ + "/etcd.log");
}

void RealServers::Start() {
  const std::string pki = KubePki(folder_);
  std::vector<std::string> command = {
      Find("kube-apiserver"), "--etcd-servers=" + etcd_url_, "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1", "--secure-port=" + std::to_string(port_),
      "--tls-cert-file=" + pki + "/server.pem", "--tls-private-key-file=" + pki + "/server.key",
      "--client-ca-file=" + pki + "/ca.pem",
      "--service-account-issuer=https://kubernetes.default.svc",
      "--service-account-key-file=" + pki + "/sa.pub",
      "--service-account-signing-key-file=" + pki + "/sa.key",
      "--service-account-jwks-uri=" + url() + "/openid/v1/jwks",
      "--api-audiences=https://kubernetes.default.svc", "--service-cluster-ip-range=10.96.0.0/16",
      "--endpoint-reconciler-type=none", "--authorization-mode=Node,RBAC",
      "--enable-admission-plugins=NodeRestriction",
      // Pods are made as a test writes them: nobody injects volumes or wants the account first.
      "--disable-admission-plugins=ServiceAccount", "--cert-dir=" + folder_};
  command.insert(command.end(), flags_.begin(), flags_.end());
  const std::string log = folder_ + "/apiserver.log";
  child_ = std::make_unique<Child>(command, log);
  HttpsClient probe({.ca_file = pki + "/ca.pem", .client = folder_ + "/probe"});
  Await(*child_, log, [&] { return probe.Do({.url = url() + "/readyz"}).status == 200; });
}

}  // namespace

std::unique_ptr<KubeServers> KubeServers::StartStub(const std::string& folder,
                                                    const Options& options) {
  return std::make_unique<StubServer>(folder, options);
}

std::unique_ptr<KubeServers> KubeServers::StartReal(const std::string& folder,
                                                    const Options& options) {
  return std::make_unique<RealServers>(folder, options);
}

std::string KubeServers::WhyNoReal() {
  std::string error;
  return RunAndRead(FindCommand("all"), error).empty() ? error : "";
}

}  // namespace signet::test
