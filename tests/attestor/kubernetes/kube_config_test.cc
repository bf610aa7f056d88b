#include <string>
#include <vector>

#include "attestor/kubernetes/api_config.h"
#include "core/base/bytes.h"
#include "core/base/files.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::kubernetes {
namespace {

constexpr char kGood[] = R"(apiVersion: v1
kind: Config
current-context: prod
contexts:
- name: dev
  context: {cluster: dev, user: dev}
- name: prod
  context: {cluster: prod, user: signet, namespace: spire}
clusters:
- name: dev
  cluster: {server: "https://dev.example"}
- name: prod
  cluster:
    server: https://api.example:6443/k8s/
    certificate-authority: pki/ca.crt
    tls-server-name: kubernetes.default.svc
    proxy-url: socks5://proxy.example:1080
users:
- name: dev
  user: {token: not-this-one}
- name: signet
  user:
    tokenFile: /var/run/token
    token: older-than-the-file
    client-certificate-data: Y2VydA==
    client-certificate: ignored.crt
    client-key: client.key
)";

std::string With(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("the current context is read, and relative paths are relative to the file") {
  const auto config = ParseKubeConfig(kGood, "/etc/signet");
  REQUIRE_OK(config);
  CHECK(config->server == "https://api.example:6443/k8s/");
  CHECK(config->ca.file == "/etc/signet/pki/ca.crt");
  CHECK(config->tls_server_name == "kubernetes.default.svc");
  CHECK(config->proxy_url == "socks5h://proxy.example:1080");
  CHECK(config->token.file == "/var/run/token");
  CHECK(config->token.data.empty());
  CHECK(AsText(config->certificate.data.RevealSecret()) == "cert");
  CHECK(config->certificate.file.empty());
  CHECK(config->key.file == "/etc/signet/client.key");
}

TEST_CASE("a kubeconfig may be JSON, as kubectl writes it with -o json") {
  const auto config = ParseKubeConfig(
      R"({"current-context":"c","contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],
          "clusters":[{"name":"k","cluster":{"server":"https://[::1]:6443",
                       "certificate-authority-data":"Y2E="}}],
          "users":[{"name":"u","user":{"token":"t0ken"}}]})",
      ".");
  REQUIRE_OK(config);
  CHECK(AsText(config->ca.data.RevealSecret()) == "ca");
  CHECK(AsText(config->token.data.RevealSecret()) == "t0ken");
}

struct Broken {
  const char* from;
  const char* to;
  const char* says;
};

TEST_CASE("a broken or unsupported kubeconfig is refused with what to do") {
  const std::vector<Broken> cases = {
      {"current-context: prod", "current-context: \"\"", "kubectl config use-context"},
      {"current-context: prod", "current-context: test", "no context named \"test\""},
      {"cluster: prod, user", "cluster: none, user", "no cluster named \"none\""},
      {"user: signet", "user: none", "no user named \"none\""},
      {"https://api", "http://api", "must be https"},
      {"https://api.example:6443", "https://user:pw@api.example", "of the form"},
      {"https://api.example:6443", "https://api.example:99999", "of the form"},
      {"https://api.example:6443", "https://api_example", "of the form"},
      {"https://api.example:6443/k8s/", "https://api.example/?x=1", "of the form"},
      {"https://api.example:6443/k8s/", "'https://[::1'", "no ']'"},
      {"server: https://api.example:6443/k8s/", "x: y", "must be https"},
      {"tls-server-name: kubernetes", "tls-server-name: a/b", "tls-server-name"},
      {"proxy-url: socks5", "proxy-url: ftp", "proxy-url"},
      {"    proxy-url:", "    insecure-skip-tls-verify: true\n    proxy-url:",
       "insecure-skip-tls-verify is not supported"},
      {"tokenFile: /var", "exec: {command: aws}\n    tokenFile: /var", "`exec` of a user"},
      {"tokenFile: /var", "auth-provider: {name: gcp}\n    tokenFile: /var", "`auth-provider`"},
      {"tokenFile: /var", "username: admin\n    tokenFile: /var", "`username`"},
      {"tokenFile: /var", "as: admin\n    tokenFile: /var", "`as`"},
      {"client-key: client.key", "x: y", "come together"},
      {"client-certificate-data: Y2VydA==", "client-certificate-data: '***'", "not base64"},
      {"contexts:\n", "contexts: 7\nx:\n", "no context named"},
      {"users:\n", "users: {a: [}\n", "no YAML at line"},
  };
  for (const Broken& broken : cases) {
    INFO(broken.to);
    const auto config = ParseKubeConfig(With(kGood, broken.from, broken.to), "/etc");
    REQUIRE_FALSE(config.ok());
    CHECK_THAT(config.error().message, Catch::Contains(broken.says));
  }
}

TEST_CASE("insecure-skip-tls-verify: false is what is done anyway") {
  REQUIRE_OK(ParseKubeConfig(
      With(kGood, "    proxy-url:", "    insecure-skip-tls-verify: false\n    proxy-url:"), "/"));
}

TEST_CASE("what is no kubeconfig is refused without a word of it") {
  for (const std::string& text :
       {std::string(), std::string("s3cret"), std::string("- s3cret"), std::string("{s3cret"),
        std::string("a: &x [*x]"), std::string(100'000, '['), std::string(2'000'000, ' '),
        std::string("\0\x01s3cret", 8), std::string("current-context: [s3cret]")}) {
    const auto config = ParseKubeConfig(text, "/");
    REQUIRE_FALSE(config.ok());
    CHECK_THAT(config.error().message, !Catch::Contains("s3cret"));
  }
}

TEST_CASE("a kubeconfig file that is not there is named") {
  REQUIRE_ERROR(LoadApiConfig("/nonexistent/config"), Code::kNotFound, "/nonexistent/config");
}

TEST_CASE("in a pod the environment and the service account's files are used") {
  const test::TempDir dir;
  const InCluster pod{.service_host = "fd00::1", .service_port = "6443", .folder = dir.path()};
  REQUIRE_ERROR(LoadApiConfig("", pod), Code::kFailedPrecondition, "automountServiceAccountToken");
  REQUIRE_OK(WriteFileAtomic(dir.File("ca.crt"), AsBytes("ca")));
  REQUIRE_OK(WriteFileAtomic(dir.File("token"), AsBytes("token")));
  const auto config = LoadApiConfig("", pod);
  REQUIRE_OK(config);
  CHECK((*config)->server == "https://[fd00::1]:6443");
  CHECK((*config)->token.file == dir.File("token"));
  CHECK((*config)->ca.file == dir.File("ca.crt"));
}

TEST_CASE("outside of a pod a kubeconfig is asked for") {
  REQUIRE_ERROR(LoadApiConfig(""), Code::kFailedPrecondition, "name a kubeconfig");
}

}  // namespace
}  // namespace signet::kubernetes
