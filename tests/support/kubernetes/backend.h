#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/kubernetes/kube_objects.h"

namespace signet::test {

struct KubeAnswer {
  int status = 0;  ///< 0: not reachable, `body` says why
  std::string body;
};

/// KubeBackend is a Kubernetes API server for a test: our stub, or a real kube-apiserver with etcd,
/// whichever this ctest entry is for (signet_kube_test registers each case for both). Write a body
/// once:
///
///   auto kube = KubeBackend::Start();
///   const std::string ns = kube->CreateNamespace("spire");   // a fresh name: the server is shared
///   kube->CreateServiceAccount(ns, "agent");
///   const std::string uid = kube->CreatePod({.ns = ns, .name = "a", .sa = "agent"});
///   auto config = LoadApiConfig(kube->Kubeconfig("ca"));
///
/// Helpers act as the admin and throw std::runtime_error with the server's answer when it refuses.
/// Safe for several threads, but for Stop and Restart.
class KubeBackend {
 public:
  enum class Kind { kStub, kReal };
  struct Options {
    /// A server of its own for a test that stops or pauses it, or wants flags. A stub always is;
    /// a real one costs 5 s and 300 MB, so other tests share one.
    bool exclusive = false;
    std::vector<std::string> api_server_flags = {};  ///< real only; makes it exclusive
    bool es256 = false;  ///< tokens are signed with ES256 and not RS256; makes it exclusive
  };

  /// Start gives the real one if SIGNET_KUBE_REAL is set, as ctest does. When it is missing here
  /// that is said, and the process ends with ctest's skip code.
  static std::unique_ptr<KubeBackend> Start(const Options& options);
  static std::unique_ptr<KubeBackend> Start() { return Start(Options{}); }
  /// StartStub is for faults that no real server makes on demand.
  static std::unique_ptr<KubeBackend> StartStub();
  ~KubeBackend();
  KubeBackend(const KubeBackend&) = delete;
  KubeBackend& operator=(const KubeBackend&) = delete;

  Kind kind() const;
  bool is_stub() const { return kind() == Kind::kStub; }
  const std::string& url() const;      ///< https://127.0.0.1:<port>
  const std::string& ca_file() const;  ///< PEM; the server's certificate chains to it
  std::string sa_signing_key() const;  ///< PEM file of the key that signs tokens
  std::string issuer() const { return "https://kubernetes.default.svc"; }

  /// Kubeconfig is the path of a config (JSON) with a client certificate of this user: "admin"
  /// (system:masters), "ca" (user signet-server with the CA's rights and no other), "node:<name>"
  /// (the kubelet of that node), or any other name: a user without rights, e.g. "nobody".
  std::string Kubeconfig(const std::string& user);
  /// KubeconfigWithToken: a bearer token, in a file that the config names.
  std::string KubeconfigWithToken(const std::string& token);

  /// Unique is `prefix` with an ending that no other test has, for names that all tests share.
  std::string Unique(const std::string& prefix);
  /// CreateNamespace makes Unique(prefix) and its service account `default`; returns the name.
  std::string CreateNamespace(const std::string& prefix);
  std::string CreateServiceAccount(const std::string& ns, const std::string& name);  ///< → uid
  std::string CreateNode(const std::string& name,
                         const std::map<std::string, std::string>& labels = {});  ///< → uid
  std::string CreatePod(const KubePod& pod);                                      ///< → uid
  void SetPodStatus(const std::string& ns, const std::string& pod, const KubePodStatus& status);
  /// Delete: kind is the plural (pods, serviceaccounts, secrets, configmaps; nodes and namespaces
  /// with an empty ns). grace < 0: as the server likes; 0: at once.
  void Delete(const std::string& kind, const std::string& ns, const std::string& name,
              int grace = 0);
  std::string Token(const KubeToken& request);
  /// RequestToken gives the answer as it is, for refusals. `as`: a user as in Kubeconfig.
  KubeAnswer RequestToken(const KubeToken& request, const std::string& as = "admin");
  /// Review is a TokenReview; `audiences` is left out when empty.
  KubeAnswer Review(const std::string& token, const std::vector<std::string>& audiences);

  /// Raw is any request. PATCH sends application/merge-patch+json.
  KubeAnswer Raw(const std::string& method, const std::string& path, const std::string& body = {});
  struct RawRequest {
    std::string method = "GET";
    std::string path;
    std::string body = {};
    std::string as = "admin";               ///< as in Kubeconfig; empty: anonymous
    std::string token = {};                 ///< instead of `as`
    std::vector<std::string> headers = {};  ///< "Name: value"
    std::chrono::milliseconds timeout{10'000};
  };
  KubeAnswer Do(const RawRequest& request);

  // Faults. On a real server these need Options::exclusive.
  void Pause();     ///< connections hang (SIGSTOP)
  void Continue();  ///< ends Pause
  void Stop();      ///< connections are refused
  void Restart();   ///< Stop if it runs, then the same address and objects; old versions are gone

  // Faults of the stub alone; throws on a real server.
  struct Failure {
    int count = 1;
    int status = 503;
    std::string path_contains = {};  ///< empty: every request but ours
    int retry_after_seconds = -1;    ///< header Retry-After; < 0: none
    std::string body = {};           ///< empty: a Status object
  };
  void FailNext(const Failure& failure);
  void DropWatches();       ///< cuts every watch without an end
  void SendBookmarks();     ///< one on every watch that wants them
  void Compact();           ///< versions up to now are gone: 410 for who asks from one of them
  void RotateSigningKey();  ///< a new key; old tokens stay good, JWKS has both
  /// AnswerReviews: this JSON is the `status` of every TokenReview; empty: judge again.
  void AnswerReviews(const std::string& status_json);
  void AdvanceClock(std::chrono::seconds by);  ///< of the server
  int CountRequests(const std::string& method, const std::string& path_contains);
  int OpenWatches();

 private:
  struct Impl;
  explicit KubeBackend(std::unique_ptr<Impl> impl);
  static std::unique_ptr<KubeBackend> StartKind(Kind kind, const Options& options);
  std::string Must(const std::string& method, const std::string& path, const std::string& body);
  std::string Create(const std::string& path, const std::string& object);
  std::string Admin(const std::string& what, const std::string& body = {});
  void GrantCaRights();
  std::unique_ptr<Impl> impl_;
};

}  // namespace signet::test
