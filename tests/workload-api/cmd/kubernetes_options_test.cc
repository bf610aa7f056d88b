#include "workload-api/cmd/kubernetes_options.h"

#include "core/config/schema.h"
#include "tests/support/result.h"

namespace signet::agent_cmd {
namespace {

Result<config::Values> Load(const std::string& json) {
  std::vector<config::Option> schema = KubernetesOptions();
  for (const char* const token : {"agent.join_token", "agent.join_token_file"}) {
    schema.push_back({.path = token});
  }
  return config::LoadText(schema, {"agent.json", json}, {}, CheckKubernetes);
}

std::string NoVariable(const std::string&) { return ""; }

TEST_CASE("without their blocks neither k8s_psat nor csi is on") {
  for (const char* const json : {"{}", R"({"csi": {}})", R"({"csi": {"enabled": false}})"}) {
    const auto values = Load(json);
    REQUIRE_OK(values);
    CHECK_FALSE(ReadK8sPsat(*values).has_value());
    CHECK_FALSE(ReadCsi(*values, NoVariable, "host").has_value());
  }
}

TEST_CASE("k8s_psat needs the cluster's name, and has SPIRE's token path") {
  const auto values = Load(
      R"({"plugins": {"NodeAttestor": [{"k8s_psat": {"plugin_data": {"cluster": "demo"}}}]}})");
  REQUIRE_OK(values);
  const auto psat = ReadK8sPsat(*values);
  REQUIRE(psat.has_value());
  CHECK(psat->cluster == "demo");
  CHECK(psat->token_path == "/var/run/secrets/tokens/spire-agent");
  REQUIRE_ERROR(Load(R"({"plugins": {"NodeAttestor": {"k8s_psat": {}}}})"), Code::kInvalidArgument,
                "cluster: is required");
  REQUIRE_ERROR(
      Load(R"({"plugins": {"NodeAttestor": {"k8s_psat": {"plugin_data": {"cluster": ""}}}}})"),
      Code::kInvalidArgument, "cluster");
}

TEST_CASE("an agent has one way to attest") {
  REQUIRE_ERROR(Load(R"({"agent": {"join_token": "t"},
    "plugins": {"NodeAttestor": {"k8s_psat": {"plugin_data": {"cluster": "demo"}}}}})"),
                Code::kInvalidArgument, "keep one of them");
  REQUIRE_ERROR(Load(R"({"agent": {"join_token_file": "/t"},
    "plugins": {"NodeAttestor": {"k8s_psat": {"plugin_data": {"cluster": "demo"}}}}})"),
                Code::kInvalidArgument, "keep one of them");
}

TEST_CASE("csi has its places below the kubelet's folder unless told otherwise") {
  const auto values =
      Load(R"({"csi": {"enabled": true, "kubelet_dir": "/k", "driver_name": "d"}})");
  REQUIRE_OK(values);
  const auto csi = ReadCsi(*values, NoVariable, "host");
  REQUIRE(csi.has_value());
  CHECK(csi->socket_path == "/k/plugins/d/csi.sock");
  CHECK(csi->registration_dir == "/k/plugins_registry");
  CHECK(csi->pods_dir == "/run/signet/pods");
  CHECK(csi->node_name == "host");
  CHECK(csi->token_audience.empty());
  CHECK_FALSE(csi->verify_cgroup);
}

TEST_CASE("every key of csi arrives, and a node's name also by the environment") {
  const auto values = Load(R"({"csi": {"enabled": true, "driver_name": "d", "socket_path": "/s",
    "registration_dir": "/r", "pods_dir": "/p", "kubelet_dir": "/k", "token_audience": "signet",
    "verify_cgroup": true}})");
  REQUIRE_OK(values);
  const auto csi = ReadCsi(
      *values, [](const std::string& name) { return name == "MY_NODE_NAME" ? "node-1" : ""; },
      "host");
  REQUIRE(csi.has_value());
  CHECK(csi->socket_path == "/s");
  CHECK(csi->registration_dir == "/r");
  CHECK(csi->pods_dir == "/p");
  CHECK(csi->kubelet_dir == "/k");
  CHECK(csi->node_name == "node-1");
  CHECK(csi->token_audience == "signet");
  CHECK(csi->verify_cgroup);
}

TEST_CASE("odd names and paths are refused with their place") {
  struct Row {
    const char* key;
    const char* value;
  };
  const auto row = GENERATE(values<Row>({{"driver_name", "a/b"},
                                         {"driver_name", "../../etc"},
                                         {"driver_name", ""},
                                         {"kubelet_dir", "relative"},
                                         {"kubelet_dir", "/var/lib/kubelet/"},
                                         {"kubelet_dir", "/var/../lib"},
                                         {"pods_dir", "/run/./pods"},
                                         {"pods_dir", "/run//pods"},
                                         {"registration_dir", "/a/.."},
                                         {"socket_path", "csi.sock"}}));
  const std::string json =
      std::string(R"({"csi": {"enabled": true, ")") + row.key + "\": \"" + row.value + "\"}}";
  REQUIRE_ERROR(Load(json), Code::kInvalidArgument, std::string("csi.") + row.key);
}

}  // namespace
}  // namespace signet::agent_cmd
