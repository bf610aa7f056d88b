#include "workload-api/cmd/k8s_attestor_options.h"

#include "tests/support/result.h"

namespace signet::agent_cmd {
namespace {

using std::chrono::milliseconds;

/// Read reads the block's plugin_data; the environment is MY_NODE_NAME=from-env.
Result<std::optional<K8sAttestorConfig>> Read(const std::string& plugin_data) {
  const std::string text =
      R"({"plugins": {"WorkloadAttestor": {"k8s": {"plugin_data": )" + plugin_data + "}}}}";
  SIGNET_TRY_ASSIGN(
      const config::Values values,
      config::LoadText(K8sAttestorOptions(), {"agent.json", text}, {}, CheckK8sAttestor));
  return ReadK8sAttestor(values, [](const std::string& name) {
    return name == "MY_NODE_NAME" ? std::string("from-env") : std::string();
  });
}

TEST_CASE("without the block there is no k8s attestor") {
  const auto values = config::LoadText(K8sAttestorOptions(), {"agent.json", "{}"}, {}, {});
  REQUIRE_OK(values);
  const auto config = ReadK8sAttestor(*values, [](const std::string&) { return ""; });
  REQUIRE_OK(config);
  CHECK_FALSE(config->has_value());
}

TEST_CASE("an empty block asks the kubelet of this node, and is strict") {
  const auto config = Read("{}");
  REQUIRE_OK(config);
  REQUIRE(config->has_value());
  const K8sAttestorConfig& k8s = **config;
  CHECK(k8s.source == PodSource::kKubelet);
  CHECK(k8s.kubelet.node_name == "from-env");
  CHECK(k8s.kubelet.port == 10250);
  CHECK_FALSE(k8s.kubelet.anonymous);
  CHECK(k8s.container_selectors);
  CHECK_FALSE(k8s.allow_ephemeral_containers);
  CHECK_FALSE(k8s.log_cgroups);
  CHECK(k8s.waits.poll_interval == milliseconds(500));
  CHECK(k8s.waits.patience == milliseconds(5000));
  CHECK(k8s.cgroup_roots.empty());
}

TEST_CASE("every key of a whole block arrives") {
  const auto config = Read(R"({"pod_source": "pods_api", "pods_api_socket": "/pods.sock",
    "kube_config_file": "/kubeconfig", "node_name": "node1", "kubelet_secure_port": "1",
    "kubelet_ca_path": "/ca", "token_path": "/token", "certificate_path": "/cert",
    "private_key_path": "/key", "max_poll_attempts": 60, "poll_retry_interval": "100ms",
    "reload_interval": "1m", "disable_container_selectors": true,
    "allow_ephemeral_containers": true, "verbose_container_locator_logs": true,
    "use_new_container_locator": true, "skip_kubelet_verification": false,
    "cgroup_roots": ["/kubepods.slice"], "cgroup_mount": "/host/cgroup"})");
  REQUIRE_OK(config);
  const K8sAttestorConfig& k8s = **config;
  CHECK(k8s.source == PodSource::kPodsApi);
  CHECK(k8s.pods_api_socket == "/pods.sock");
  CHECK(k8s.kube_config_file == "/kubeconfig");
  CHECK(k8s.kubelet.node_name == "node1");
  CHECK(k8s.kubelet.port == 1);
  CHECK(k8s.kubelet.ca_path == "/ca");
  CHECK(k8s.kubelet.token_path == "/token");
  CHECK(k8s.kubelet.certificate_path == "/cert");
  CHECK(k8s.kubelet.private_key_path == "/key");
  CHECK(k8s.waits.patience == milliseconds(6000));
  CHECK_FALSE(k8s.container_selectors);
  CHECK(k8s.allow_ephemeral_containers);
  CHECK(k8s.log_cgroups);
  CHECK(k8s.cgroup_roots == std::vector<std::string>{"/kubepods.slice"});
  CHECK(k8s.cgroup_mount == "/host/cgroup");
}

TEST_CASE("the API server is asked for the pods of this node, whose name must be known") {
  const auto config = Read(R"({"pod_source": "api_server"})");
  REQUIRE_OK(config);
  CHECK((*config)->source == PodSource::kApiServer);
  CHECK((*config)->kubelet.node_name == "from-env");
  REQUIRE_ERROR(Read(R"({"pod_source": "api_server", "node_name_env": "NOT_SET"})"),
                Code::kInvalidArgument, "environment variable NOT_SET");
}

TEST_CASE("what this attestor does not do is refused with what to do instead") {
  struct Case {
    const char* plugin_data;
    const char* problem;
  };
  const Case cases[] = {
      {R"({"skip_kubelet_verification": true})", "kubelet's certificate is always checked"},
      {R"({"kubelet_read_only_port": 10255})", "use kubelet_secure_port"},
      {R"({"use_new_container_locator": false})", "one locator"},
      {R"({"enable_namespace_labels": true})", "not supported"},
      {R"({"disable_kubelet_client": true})", "pod_source"},
      {R"({"sigstore": {"rekor_url": "x"}})", "not supported"},
      {R"({"experimental": {}})", "not supported"},
      {R"({"pod_source": "guess"})", "expects \"kubelet\""},
      {R"({"max_poll_attempts": 0})", "from 1 to 1000"},
      {R"({"poll_retry_interval": "1ms"})", "at least 100ms"},
      {R"({"cgroup_roots": ["kubepods"]})", "absolute path"},
      {R"({"certificate_path": "/c"})", "private_key_path is missing"},
      {R"({"private_key_path": "/k"})", "certificate_path is missing"},
      {R"({"use_anonymous_authentication": true, "token_path": "/t"})", "keep one of them"},
      {R"({"node_name": "a/b"})", "no name that a node can have"},
      {R"({"kubelet_secure_prt": 1})", "did you mean \"kubelet_secure_port\"?"},
  };
  for (const Case& one : cases) {
    INFO(one.plugin_data);
    REQUIRE_ERROR(Read(one.plugin_data), Code::kInvalidArgument, one.problem);
  }
}

}  // namespace
}  // namespace signet::agent_cmd
