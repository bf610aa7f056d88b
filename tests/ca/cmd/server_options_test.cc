#include "ca/cmd/server_options.h"

#include <algorithm>
#include <fstream>

#include "ca/cmd/program.h"
#include "tests/support/docs.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::ca_cmd {
namespace {

const config::Environment kRoot = {.uid = 0};

Result<ServerConfig> LoadText(const std::string& json,
                              const std::map<std::string, std::string>& flags = {}) {
  signet::test::TempDir dir;
  std::ofstream(dir.File("server.json")) << json;
  return LoadServerConfig(dir.File("server.json"), flags, kRoot);
}

TEST_CASE("defaults are SPIRE's, in Signet's places") {
  const auto got = LoadServerConfig("", {{"trustDomain", "example.org"}}, kRoot);
  REQUIRE_OK(got);
  CHECK(got->trust_domain.name() == "example.org");
  CHECK(got->bind_address == "0.0.0.0");
  CHECK(got->bind_port == 8081);
  CHECK(got->socket_path == "/run/signet/server/api.sock");
  CHECK(got->data_dir == "/var/lib/signet/server");
  CHECK(got->key_manager == "disk");
  CHECK(got->ca_key_type == crypto::KeyType::kEcP256);
  CHECK(got->ca_ttl == std::chrono::hours(24));
  CHECK(got->ca_subject.country == "US");
  CHECK(got->ca_subject.organization == "SPIFFE");
  CHECK(got->default_x509_svid_ttl == std::chrono::hours(1));
  CHECK(got->default_jwt_svid_ttl == std::chrono::minutes(5));
  CHECK(got->agent_ttl == Duration::zero());
  CHECK(got->ratelimit_attestation);
  CHECK(got->ratelimit_signing);
  CHECK(got->log.level == LogLevel::kInfo);
}

TEST_CASE("every key of a whole file arrives") {
  const auto got = LoadText(R"({
    "server": {"trust_domain": "spiffe://example.org", "bind_address": "::1", "bind_port": "0",
      "socket_path": "/s", "data_dir": "/d", "log_level": "DEBUG", "log_format": "json",
      "log_file": "/l", "ca_key_type": "rsa-2048", "ca_ttl": "10h",
      "ca_subject": [{"country": "CH", "organization": "O", "common_name": "CN"}],
      "default_x509_svid_ttl": "30m", "default_jwt_svid_ttl": "1m", "agent_ttl": "2h",
      "admin_ids": ["spiffe://example.org/admin"],
      "ratelimit": {"attestation": false, "signing": false}},
    "plugins": {"KeyManager": [{"memory": {"plugin_data": {}}}],
      "NodeAttestor": {"join_token": {"plugin_data": {}}},
      "DataStore": [{"sql": {"plugin_data": {"database_type": "sqlite3"}}}]}})",
                            {{"serverPort", "9"}});
  REQUIRE_OK(got);
  CHECK(got->trust_domain.name() == "example.org");
  CHECK(got->bind_address == "::1");
  CHECK(got->bind_port == 9);
  CHECK(got->socket_path == "/s");
  CHECK(got->data_dir == "/d");
  CHECK(got->log.level == LogLevel::kDebug);
  CHECK(got->log.json);
  CHECK(got->log.file == "/l");
  CHECK(got->ca_key_type == crypto::KeyType::kRsa2048);
  CHECK(got->ca_ttl == std::chrono::hours(10));
  CHECK(got->ca_subject.country == "CH");
  CHECK(got->ca_subject.common_name == "CN");
  CHECK(got->default_x509_svid_ttl == std::chrono::minutes(30));
  CHECK(got->agent_ttl == std::chrono::hours(2));
  REQUIRE(got->admin_ids.size() == 1);
  CHECK(got->admin_ids[0].ToString() == "spiffe://example.org/admin");
  CHECK_FALSE(got->ratelimit_attestation);
  CHECK_FALSE(got->ratelimit_signing);
  CHECK(got->key_manager == "memory");
}

TEST_CASE("all problems of a file come in one run, those of several keys together included") {
  const auto got = LoadText(R"({
  "server": {
    "trust_domain": "Example.org",
    "bind_address": "localhost",
    "bind_port": 65536,
    "socket_path": "s",
    "data_dir": "",
    "log_level": "loud",
    "log_format": "xml",
    "ca_key_type": "ed25519",
    "ca_ttl": "1h",
    "ca_subject": {"country": "USA"},
    "default_x509_svid_ttl": "2h",
    "default_jwt_svid_ttl": "0s",
    "admin_ids": ["admin"],
    "experimental": {"x": {}}
  },
  "plugins": {
    "KeyManager": {"disk": {"plugin_data": {"keys_path": "k"}}, "memory": {}},
    "DataStore": {"sql": {"plugin_data": {"database_type": "postgres"}}},
    "UpstreamAuthority": {"disk": {}}
  },
  "health_checks": {}
})");
  REQUIRE_FALSE(got.ok());
  const std::string& text = got.error().message;
  for (const std::string want : {
           "server.json:3: server.trust_domain: ",
           "server.json:4: server.bind_address: must be a numeric address",
           "server.json:5: server.bind_port: a port is a number from 0 to 65535",
           "server.json:6: server.socket_path: must be an absolute path",
           "server.json:7: server.data_dir: must not be empty",
           "server.json:8: server.log_level: ",
           "server.json:9: server.log_format: expects",
           "server.json:10: server.ca_key_type: ",
           "server.json:12: server.ca_subject.country: a country",
           "server.json:13: server.default_x509_svid_ttl: is longer than server.ca_ttl",
           "server.json:14: server.default_jwt_svid_ttl: must be at least one second",
           "server.json:15: server.admin_ids: ",
           "server.json:16: server.experimental: not supported yet",
           "server.json:19: plugins.KeyManager.disk.plugin_data.keys_path: not supported yet",
           "server.json:19: plugins.KeyManager.memory: plugins.KeyManager.disk is there too",
           "server.json:20: plugins.DataStore.sql.plugin_data.database_type: only \"sqlite3\"",
           "server.json:21: plugins.UpstreamAuthority: not supported yet",
           "server.json:23: health_checks: not supported yet",
       }) {
    CHECK_THAT(text, Catch::Contains(want));
  }
  CHECK(std::count(text.begin(), text.end(), '\n') == 17);
}

TEST_CASE("docs/reference-server-config.md is what the schema table says", "[docs]") {
  signet::test::CheckDoc("reference-server-config.md",
                         config::Reference("Configuration of signet-server", ServerOptions()));
}

TEST_CASE("docs/cli.md has every command of signet-server", "[docs]") {
  signet::test::CheckDocSection("cli.md", "signet-server",
                                config::CommandReference(ServerProgram()));
}

}  // namespace
}  // namespace signet::ca_cmd
