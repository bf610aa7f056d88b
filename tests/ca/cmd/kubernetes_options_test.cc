#include "ca/cmd/kubernetes_options.h"

#include <fstream>

#include "ca/cmd/server_options.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::ca_cmd {
namespace {

/// Load reads a configuration that has these blocks beside "server".
Result<ServerConfig> Load(const std::string& psat, const std::string& ours = "{}",
                          const std::string& notifier = "{}") {
  signet::test::TempDir dir;
  std::ofstream(dir.File("s.json")) << R"({"server": {"trust_domain": "example.org"},)"
                                    << "\n"
                                    << R"("plugins": {"NodeAttestor": )" << psat << ",\n"
                                    << R"("Notifier": )" << notifier << "},\n"
                                    << R"("kubernetes": )" << ours << "}";
  return LoadServerConfig(dir.File("s.json"), {}, {.uid = 0});
}

std::string Psat(const std::string& clusters) {
  return R"({"k8s_psat": {"plugin_data": {"clusters": )" + clusters + "}}}";
}

const std::string kProd = R"({"prod": {"service_account_allow_list": ["spire:spire-agent"]}})";

TEST_CASE("without a word of Kubernetes there is none") {
  const auto got = LoadServerConfig("", {{"trustDomain", "example.org"}}, {.uid = 0});
  REQUIRE_OK(got);
  CHECK(got->kubernetes.clusters.empty());
  CHECK_FALSE(got->kubernetes.bundle_config_map);
}

TEST_CASE("a cluster of SPIRE's configuration is taken as it is, and gives no identities") {
  const auto got = Load(Psat(R"({"demo-cluster": {"service_account_allow_list": ["spire:agent",
      "other:agent"], "audience": ["td"], "kube_config_file": "/k", "allowed_node_label_keys":
      ["zone"], "allowed_pod_label_keys": ["app"], "use_pod_uid_for_agent_id": true}})"));
  REQUIRE_OK(got);
  REQUIRE(got->kubernetes.clusters.size() == 1);
  const ClusterConfig& cluster = got->kubernetes.clusters[0];
  CHECK(cluster.name == "demo-cluster");
  CHECK(cluster.kube_config_file == "/k");
  CHECK(cluster.service_account_allow_list == std::set<std::string>{"spire:agent", "other:agent"});
  CHECK(cluster.audience == "td");
  CHECK(cluster.allowed_node_label_keys == std::set<std::string>{"zone"});
  CHECK(cluster.allowed_pod_label_keys == std::set<std::string>{"app"});
  CHECK(cluster.use_pod_uid_for_agent_id);
  CHECK_FALSE(cluster.remote);
  CHECK(cluster.max_token_age == Duration::zero());
  CHECK(cluster.token_reuse == kubernetes::TokenReuse::kAfterHalfLife);
  CHECK_FALSE(cluster.identities);
}

TEST_CASE("several clusters, each with its own defaults, dots in a name included") {
  const auto got = Load(Psat(R"({"eu.west-1": {"service_account_allow_list": ["a:b"]},
      "us": {"service_account_allow_list": ["c:d"], "audience": ["x"]}})"));
  REQUIRE_OK(got);
  REQUIRE(got->kubernetes.clusters.size() == 2);
  CHECK(got->kubernetes.clusters[0].name == "eu.west-1");
  CHECK(got->kubernetes.clusters[0].audience == "spire-server");
  CHECK(got->kubernetes.clusters[1].audience == "x");
}

TEST_CASE("Signet's block adds identities, and everything in it arrives") {
  const auto got = Load(Psat(kProd), R"({"clusters": {"prod": {"kube_config_file": "/ours",
      "token_reuse": "never", "max_token_age": "1h",
      "identities": {"spiffe_id_template": "spiffe://example.org/{{cluster}}/{{pod_name}}",
        "allowed_namespaces": ["shop", "team-*"], "denied_namespaces": ["team-x"],
        "allowed_service_accounts": ["shop:*"], "denied_service_accounts": ["*:default"],
        "x509_svid_ttl": "10m", "jwt_svid_ttl": "1m", "hint": "h",
        "dns_name_templates": ["{{service_account}}.{{namespace}}.svc"],
        "federates_with": ["spiffe://other.org"], "require_workload_token": true}}}})");
  REQUIRE_OK(got);
  const ClusterConfig& cluster = got->kubernetes.clusters.at(0);
  CHECK(cluster.kube_config_file == "/ours");
  CHECK(cluster.token_reuse == kubernetes::TokenReuse::kNever);
  CHECK(cluster.max_token_age == std::chrono::hours(1));
  REQUIRE(cluster.identities);
  const service::PodPolicyOptions& options = cluster.identities->options();
  CHECK(options.spiffe_id_template == "spiffe://example.org/{{cluster}}/{{pod_name}}");
  CHECK(options.allowed_namespaces == std::vector<std::string>{"shop", "team-*"});
  CHECK(options.denied_namespaces == std::vector<std::string>{"team-x"});
  CHECK(options.allowed_service_accounts == std::vector<std::string>{"shop:*"});
  CHECK(options.denied_service_accounts == std::vector<std::string>{"*:default"});
  CHECK(options.x509_svid_ttl == 600);
  CHECK(options.jwt_svid_ttl == 60);
  CHECK(options.hint == "h");
  CHECK(options.dns_name_templates.size() == 1);
  REQUIRE(options.federates_with.size() == 1);
  CHECK(options.federates_with[0].name() == "other.org");
  CHECK(options.require_workload_token);
}

TEST_CASE(
    "an empty identities block turns them on with SPIFFE's usual ID, enabled turns them off") {
  const auto on = Load(Psat(kProd), R"({"clusters": {"prod": {"identities": {}}}})");
  REQUIRE_OK(on);
  REQUIRE(on->kubernetes.clusters[0].identities);
  CHECK(on->kubernetes.clusters[0].identities->options().spiffe_id_template ==
        "spiffe://{{trust_domain}}/ns/{{namespace}}/sa/{{service_account}}");
  const auto off =
      Load(Psat(kProd), R"({"clusters": {"prod": {"identities": {"enabled": false}}}})");
  REQUIRE_OK(off);
  CHECK_FALSE(off->kubernetes.clusters[0].identities);
}

TEST_CASE("the remote mode bounds the age of tokens by itself") {
  const auto got = Load(Psat(kProd), R"({"clusters": {"prod": {"token_validation": "jwks",
      "issuer": "https://issuer", "jwks_path": "/openid/v1/jwks", "token_reuse": "always"}}})");
  REQUIRE_OK(got);
  const ClusterConfig& cluster = got->kubernetes.clusters.at(0);
  CHECK(cluster.remote);
  CHECK(cluster.max_token_age == std::chrono::minutes(15));
  CHECK(cluster.issuer == "https://issuer");
  CHECK(cluster.jwks_path == "/openid/v1/jwks");
  CHECK(cluster.token_reuse == kubernetes::TokenReuse::kAlways);
}

TEST_CASE("the bundle's ConfigMap has SPIRE's defaults") {
  const auto got = Load("{}", "{}", R"({"k8sbundle": {"plugin_data": {}}})");
  REQUIRE_OK(got);
  REQUIRE(got->kubernetes.bundle_config_map);
  CHECK(got->kubernetes.bundle_config_map->ref.namespace_name == "spire");
  CHECK(got->kubernetes.bundle_config_map->ref.name == "spire-bundle");
  CHECK(got->kubernetes.bundle_config_map->ref.key == "bundle.crt");
  CHECK(got->kubernetes.bundle_config_map->kube_config_file.empty());
  const auto other = Load("{}", "{}", R"({"k8sbundle": {"plugin_data": {"namespace": "n",
      "config_map": "m", "config_map_key": "k", "kube_config_file_path": "/f"}}})");
  REQUIRE_OK(other);
  CHECK(other->kubernetes.bundle_config_map->ref.namespace_name == "n");
  CHECK(other->kubernetes.bundle_config_map->ref.name == "m");
  CHECK(other->kubernetes.bundle_config_map->ref.key == "k");
  CHECK(other->kubernetes.bundle_config_map->kube_config_file == "/f");
}

TEST_CASE("what does not fit is refused with its place and what to do") {
  struct Row {
    const char* psat;
    const char* ours;
    const char* problem;
  };
  const Row rows[] = {
      {R"({"prod": {}})", "{}", "prod.service_account_allow_list: is required"},
      {R"({"prod": {"service_account_allow_list": []}})", "{}",
       "prod.service_account_allow_list: is empty, so no agent could attest"},
      {R"({"prod": {"service_account_allow_list": ["agent"]}})", "{}",
       "a service account is written as namespace:name"},
      {R"({"prod": {"service_account_allow_list": ["spire:*"]}})", "{}", "\"*\" has no meaning"},
      {R"({"prod": {"service_account_allow_list": ["a:b"], "audience": []}})", "{}",
       "s.json:2: plugins.NodeAttestor.k8s_psat.plugin_data.clusters.prod.audience: is empty, "
       "which would accept tokens that pods show to the API server itself"},
      {R"({"prod": {"service_account_allow_list": ["a:b"], "audience": ["x", "y"]}})", "{}",
       "prod.audience: has more than one item"},
      {R"({"pr/od": {"service_account_allow_list": ["a:b"]}})", "{}", "becomes part of SPIFFE IDs"},
      {R"({"..": {"service_account_allow_list": ["a:b"]}})", "{}", "becomes part of SPIFFE IDs"},
      {R"({"": {"service_account_allow_list": ["a:b"]}})", "{}", "becomes part of SPIFFE IDs"},
      {R"({"prod": {"service_account_allow_list": ["a:b"], "audiense": ["x"]}})", "{}",
       "did you mean \"audience\"?"},
      {"{}", "{}", "names no cluster"},
      {"", R"({"clusters": {"prd": {}}})", "clusters.prd: plugins.NodeAttestor.k8s_psat"},
      {"", R"({"clusters": {"prod": {"token_validation": "none"}}})", "expects \"review\""},
      {"", R"({"clusters": {"prod": {"token_reuse": "often"}}})", "expects \"after_half_life\""},
      {"", R"({"clusters": {"prod": {"issuer": "https://x"}}})", "only with token_validation"},
      {"", R"({"clusters": {"prod": {"jwks_path": "/x"}}})", "only with token_validation"},
      {R"({"prod": {"service_account_allow_list": ["a:b"], "kube_config_file": "/a"}})",
       R"({"clusters": {"prod": {"kube_config_file": "/b"}}})", "is another file than"},
      {"", R"({"clusters": {"prod": {"identities": {"spiffe_id_template": "{{sa}}"}}}})",
       "s.json:4: kubernetes.clusters.prod.identities.spiffe_id_template: unknown variable"},
      {"", R"({"clusters": {"prod": {"identities": {"spiffe_id_template": "spiffe://o.org/x"}}}})",
       "not a member of trust domain"},
      {"", R"({"clusters": {"prod": {"identities": {"allowed_namespaces": ["A"]}}}})",
       "allowed_namespaces: \"A\" is no namespace"},
      {"", R"({"clusters": {"prod": {"identities": {"denied_service_accounts": ["x"]}}}})",
       "written as namespace:name"},
      {"", R"({"clusters": {"prod": {"identities": {"x509_svid_ttl": "48h"}}}})",
       "is longer than server.ca_ttl"},
      {"", R"({"clusters": {"prod": {"identities": {"federates_with": ["Other"]}}}})",
       "federates_with: "},
  };
  for (const Row& row : rows) {
    INFO(row.psat << " " << row.ours);
    const std::string psat = std::string(row.psat).empty() ? kProd : row.psat;
    REQUIRE_ERROR(Load(Psat(psat), row.ours), Code::kInvalidArgument, row.problem);
  }
  REQUIRE_ERROR(Load("{}", "{}", R"({"k8sbundle": {"plugin_data": {"namespace": "../x"}}})"),
                Code::kInvalidArgument, "is no name of a Kubernetes object");
  REQUIRE_ERROR(Load("{}", "{}", R"({"gcs_bundle": {}})"), Code::kInvalidArgument,
                "not supported yet");
}

TEST_CASE("all problems of all clusters come in one run") {
  const auto got =
      Load(Psat(R"({"one": {"service_account_allow_list": ["x"], "audience": []}, "two": {}})"),
           R"({"clusters": {"three": {}, "one": {"token_reuse": "x", "identities":
          {"spiffe_id_template": "{{a}}", "dns_name_templates": ["{{b}}"]}}}})");
  REQUIRE_FALSE(got.ok());
  for (const char* want : {"clusters.one.service_account_allow_list: ", "clusters.one.audience: ",
                           "clusters.two.service_account_allow_list: ", "clusters.three: ",
                           "one.token_reuse: ", "spiffe_id_template: unknown variable \"a\"",
                           "dns_name_templates: unknown variable \"b\""}) {
    CHECK_THAT(got.error().message, Catch::Contains(want));
  }
}

}  // namespace
}  // namespace signet::ca_cmd
