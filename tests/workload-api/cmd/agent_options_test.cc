#include "workload-api/cmd/agent_options.h"

#include <algorithm>
#include <fstream>

#include "tests/support/docs.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "workload-api/cmd/program.h"

namespace signet::agent_cmd {
namespace {

const config::Environment kRoot = {.uid = 0};

Result<AgentConfig> LoadText(const std::string& json) {
  test::TempDir dir;
  std::ofstream(dir.File("agent.json")) << json;
  return LoadAgentConfig(dir.File("agent.json"), {}, kRoot);
}

TEST_CASE(
    "EP-01, EP-03: flags alone make a configuration, with SPIRE's defaults in Signet's places") {
  const auto got = LoadAgentConfig("",
                                   {{"trustDomain", "example.org"},
                                    {"serverAddress", "ca.example"},
                                    {"insecureBootstrap", "true"}},
                                   kRoot);
  REQUIRE_OK(got);
  CHECK(got->trust_domain.name() == "example.org");
  CHECK(got->server_address == "ca.example");
  CHECK(got->server_port == 8081);
  CHECK(got->socket_path == "/run/signet/agent/api.sock");
  CHECK(got->data_dir == "/var/lib/signet/agent");
  CHECK(got->insecure_bootstrap);
  CHECK(got->join_token.empty());
  CHECK(got->workload_x509_svid_key_type == crypto::KeyType::kEcP256);
  CHECK(got->sync_interval == std::chrono::seconds(5));
}

TEST_CASE("every key of a whole file arrives") {
  const auto got = LoadText(R"({
    "agent": {"trust_domain": "example.org", "server_address": "::1", "server_port": "81",
      "socket_path": "/s", "data_dir": "/d", "trust_bundle_path": "/b",
      "trust_bundle_format": "spiffe", "join_token": "secret", "log_level": "ERROR",
      "log_format": "json", "log_file": "/l", "workload_x509_svid_key_type": "rsa-2048",
      "experimental": {"sync_interval": "1500ms"}},
    "plugins": {"NodeAttestor": [{"join_token": {"plugin_data": {}}}],
      "KeyManager": {"disk": {"plugin_data": {}}},
      "WorkloadAttestor": {"unix": {"plugin_data": {"discover_workload_path": true}}}}})");
  REQUIRE_OK(got);
  CHECK(got->server_port == 81);
  CHECK(got->socket_path == "/s");
  CHECK(got->data_dir == "/d");
  CHECK(got->trust_bundle_path == "/b");
  CHECK(got->trust_bundle_format == BundleFormat::kSpiffe);
  CHECK(AsText(got->join_token.RevealSecret()) == "secret");
  CHECK(got->log.level == LogLevel::kError);
  CHECK(got->log.json);
  CHECK(got->log.file == "/l");
  CHECK(got->workload_x509_svid_key_type == crypto::KeyType::kRsa2048);
  CHECK(got->sync_interval == std::chrono::milliseconds(1500));
}

TEST_CASE("all problems of a file come in one run, and none shows the token") {
  const auto got = LoadText(R"({
  "agent": {
    "trust_domain": "",
    "server_port": 0,
    "socket_path": "/SOCKET",
    "trust_bundle_format": "der",
    "join_token": "s3cr3t",
    "join_token_file": "/t",
    "insecure_bootstrap": true,
    "trust_bundle_path": "/b",
    "sds": {"default_bundle_name": "ALL"},
    "experimental": {"sync_intervall": "5s"}
  },
  "plugins": {
    "KeyManager": {"memory": {}},
    "WorkloadAttestor": {"unix": {"plugin_data": {"discover_workload_path": false}}, "docker": {}}
  }
})");
  REQUIRE_FALSE(got.ok());
  const std::string& text = got.error().message;
  for (const std::string want : {
           "agent.json:3: agent.trust_domain: ",
           "agent.json:4: agent.server_port: a port is a number from 1 to 65535",
           "agent.json:6: agent.trust_bundle_format: expects",
           "agent.json:8: agent.join_token_file: agent.join_token is set too",
           "agent.json:9: agent.insecure_bootstrap: agent.trust_bundle_path is set too",
           "agent.json:11: agent.sds.default_bundle_name: one name cannot mean both",
           "agent.json:12: agent.experimental.sync_intervall: unknown key; did you mean "
           "\"sync_interval\"?",
           "agent.json:15: plugins.KeyManager.memory: not supported yet",
           "agent.json:16: plugins.WorkloadAttestor.unix.plugin_data.discover_workload_path: is "
           "always on",
           "agent.json:16: plugins.WorkloadAttestor.docker: unknown key; known here: k8s, unix",
           "agent.json: agent.server_address: is required",
       }) {
    CHECK_THAT(text, Catch::Contains(want));
  }
  CHECK(std::count(text.begin(), text.end(), '\n') == 10);
  CHECK_THAT(text, !Catch::Contains("s3cr3t"));
}

TEST_CASE("the configuration of examples/istio is a whole one") {
  std::ifstream file(std::string(SIGNET_TEST_DATA) + "/../../examples/istio/agent.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto config = LoadText(text);
  REQUIRE_OK(config);
  CHECK(config->sds.rootca_includes_federated);
  CHECK(config->sds.system_roots_path == "/etc/ssl/certs/ca-certificates.crt");
}

TEST_CASE("SPIRE's block sds arrives, and ours in it") {
  constexpr char kAgent[] = R"({"agent": {"trust_domain": "a", "server_address": "b",
    "trust_bundle_path": "/b")";
  const auto defaults = LoadText(kAgent + std::string("}}"));
  REQUIRE_OK(defaults);
  CHECK_FALSE(defaults->disable_sds_api);
  CHECK(defaults->sds.default_svid_name == "default");
  CHECK(defaults->sds.default_bundle_name == "ROOTCA");
  CHECK(defaults->sds.default_all_bundles_name == "ALL");
  CHECK_FALSE(defaults->sds.disable_spiffe_cert_validation);
  CHECK_FALSE(defaults->sds.rootca_includes_federated);
  CHECK_FALSE(defaults->sds.strict);
  CHECK(defaults->sds.system_roots_path.empty());
  const auto all = LoadText(kAgent + std::string(R"(, "disable_sds_api": true, "sds": {
    "default_svid_name": "me", "default_bundle_name": "null", "default_all_bundles_name": "ROOTCA",
    "disable_spiffe_cert_validation": true, "rootca_includes_federated": true, "strict": true,
    "system_roots_path": "/etc/roots.pem"}}})"));
  REQUIRE_OK(all);
  CHECK(all->disable_sds_api);
  CHECK(all->sds.default_svid_name == "me");
  CHECK(all->sds.default_bundle_name == "null");
  CHECK(all->sds.default_all_bundles_name == "ROOTCA");
  CHECK(all->sds.disable_spiffe_cert_validation);
  CHECK(all->sds.rootca_includes_federated);
  CHECK(all->sds.strict);
  CHECK(all->sds.system_roots_path == "/etc/roots.pem");
  REQUIRE_ERROR(LoadText(kAgent + std::string(R"(, "sds": {"system_roots_path": "roots.pem"}}})")),
                Code::kInvalidArgument, "agent.sds.system_roots_path: expects an absolute path");
}

TEST_CASE("an agent without a bundle to trust says where to get one") {
  REQUIRE_ERROR(LoadText(R"({"agent": {"trust_domain": "a", "server_address": "b"}})"),
                Code::kInvalidArgument, "agent.trust_bundle_path: is required; get the file");
}

constexpr char kAgentStart[] = R"({"agent": {"trust_domain": "a", "server_address": "b",
  "trust_bundle_path": "/b", "socket_path": "/x/api.sock")";

TEST_CASE("the authorizer is off without its block, and its policies arrive") {
  const auto off = LoadText(kAgentStart + std::string("}}"));
  REQUIRE_OK(off);
  CHECK_FALSE(off->authorizer);
  const auto on = LoadText(kAgentStart + std::string(R"(, "authorizer": {
    "socket_mode": "0600", "socket_group": "0", "policies": {
      "web.v1": {"allow": ["spiffe://a/web"], "users": ["root", "4242"]},
      "rfc": {"allow": ["spiffe://a/*"], "format": "rfc9440", "chain": "leaf_only_trusts_proxy"},
      "own": {"allow": [], "format": "xfcc", "certificate_header": "X-A", "chain_header": "X-B"}
    }}}})"));
  REQUIRE_OK(on);
  REQUIRE(on->authorizer);
  CHECK(on->authorizer->socket_path == "/x/authz.sock");
  CHECK(on->authorizer->socket_mode == 0600);
  CHECK(on->authorizer->socket_group == 0);
  REQUIRE(on->authorizer->policies.size() == 3);
  const authorizer::Policy& web = on->authorizer->policies[0];
  CHECK(web.name == "web.v1");
  CHECK(web.allow.size() == 1);
  CHECK(web.certificate_header == "X-SSL-Client-Cert");
  CHECK(web.chain_header.empty());
  CHECK(web.chain == authorizer::Chain::kVerify);
  CHECK(web.users == std::vector<std::uint32_t>{0, 4242});
  const authorizer::Policy& rfc = on->authorizer->policies[1];
  CHECK(rfc.certificate_header == "Client-Cert");
  CHECK(rfc.chain_header == "Client-Cert-Chain");
  CHECK(rfc.chain == authorizer::Chain::kLeafOnlyTrustsProxy);
  const authorizer::Policy& own = on->authorizer->policies[2];
  CHECK(own.format == authorizer::Format::kXfcc);
  CHECK(own.certificate_header == "X-A");
  CHECK(own.chain_header == "X-B");
  CHECK(own.allow.empty());
}

TEST_CASE("all mistakes in the authorizer's block come with their lines") {
  const auto got = LoadText(R"({"agent": {"trust_domain": "a", "server_address": "b",
    "trust_bundle_path": "/b", "authorizer": {
    "socket_mode": "0777", "socket_group": "no-such-group",
    "policies": {
      "two words": {"allow": ["spiffe://a/x"]},
      "one": {"allow": ["spiffe://a/w*", "spiffe://a"], "users": ["no-such-user"]},
      "two": {"format": "jks", "chain": "no",
        "certificate_header": "a b"}
    }}}})");
  REQUIRE_FALSE(got.ok());
  for (const std::string want : {
           "agent.json:3: agent.authorizer.socket_mode: expects an octal file mode",
           "agent.json:3: agent.authorizer.socket_group: there is no group \"no-such-group\"",
           "agent.json:5: agent.authorizer.policies.two words: a policy's name is",
           "agent.json:6: agent.authorizer.policies.one.allow: ",
           "agent.json:6: agent.authorizer.policies.one.users: there is no user",
           "agent.json:7: agent.authorizer.policies.two.format: expects \"pem\"",
           "agent.json:7: agent.authorizer.policies.two.chain: expects \"verify\"",
           "agent.json:8: agent.authorizer.policies.two.certificate_header: expects the name",
           "agent.json:7: agent.authorizer.policies.two.allow: is required",
       }) {
    CHECK_THAT(got.error().message, Catch::Contains(want));
  }
  REQUIRE_ERROR(LoadText(kAgentStart + std::string(R"(, "authorizer": {}}})")),
                Code::kInvalidArgument, "agent.authorizer.policies: is required");
}

TEST_CASE("docs/reference-agent-config.md is what the schema table says", "[docs]") {
  test::CheckDoc("reference-agent-config.md",
                 config::Reference("Configuration of signet-agent", AgentOptions()));
}

TEST_CASE("docs/cli.md has every command of signet-agent", "[docs]") {
  const FakeClock clock;
  test::CheckDocSection("cli.md", "signet-agent", config::CommandReference(AgentProgram(clock)));
}

}  // namespace
}  // namespace signet::agent_cmd
