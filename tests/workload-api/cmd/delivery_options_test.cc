#include "workload-api/cmd/delivery_options.h"

#include <sys/stat.h>

#include "core/base/files.h"
#include "tests/support/docs.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "workload-api/cmd/agent_options.h"
#include "workload-api/cmd/deliver_options.h"

namespace signet::agent_cmd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void Write(const test::TempDir& dir, const std::string& name, const std::string& text) {
  REQUIRE_OK(WriteFileAtomic(dir.File(name), AsBytes(text)));
}

struct Bench {
  test::TempDir dir;

  Result<DeliverConfig> Load(const std::string& json, const std::string& endpoint = "") {
    Write(dir, "d.json", json);
    return LoadDeliverConfig(dir.File("d.json"), {},
                             {.paths = {.uid = 0}, .endpoint_variable = endpoint});
  }
};

constexpr const char* kWeb = R"({"deliver": {
  "socket_path": "/run/a b/api.sock",
  "log_level": "debug",
  "health": {"listen": "127.0.0.1:8081"},
  "targets": {
    "web": {
      "dir": "/etc/web/identity",
      "spiffe_id": "spiffe://example.org/web",
      "hint": "outer",
      "files": {
        "svid.pem": {"content": "chain"},
        "key.pem": {"content": "key", "mode": "0640", "owner": "root", "group": "0"},
        "ca.pem": {"content": "constrained_bundles"}
      },
      "reload": {"kind": "signal", "signal": "USR1", "pid_file": "/run/web.pid", "timeout": "3s"},
      "verify": {"address": "127.0.0.1:443", "server_name": "web", "within": "20s", "interval": "0s"}
    },
    "db": {"dir": "/etc/db", "files": {"all.pem": {"content": "key_and_chain"}}}
  }}})";

TEST_CASE("the file of a delivery becomes targets") {
  Bench bench;
  const auto config = bench.Load(kWeb, "unix:///other.sock");
  REQUIRE_OK(config);
  CHECK(config->endpoint == "unix:///run/a%20b/api.sock");
  CHECK(config->health.listen == "127.0.0.1:8081");
  CHECK(config->log.level == LogLevel::kDebug);
  REQUIRE(config->targets.size() == 2);
  const DeliveryTarget& web = config->targets[0];
  CHECK(web.name == "web");
  CHECK(web.dir == "/etc/web/identity");
  CHECK(web.identity.id->ToString() == "spiffe://example.org/web");
  CHECK(web.identity.hint == "outer");
  REQUIRE(web.files.size() == 3);
  CHECK(web.files[0].name == "svid.pem");
  CHECK(web.files[0].content == delivery::Content::kChain);
  CHECK(web.files[0].mode == 0);
  CHECK(web.files[1].mode == 0640);
  CHECK(web.files[1].owner == "root");
  CHECK(web.files[1].group == "0");
  REQUIRE(web.reload);
  CHECK(web.reload->kind == "signal");
  CHECK(web.reload->signal == "USR1");
  CHECK(web.reload->pid_file == "/run/web.pid");
  CHECK(web.reload_timeout == seconds(3));
  REQUIRE(web.verify);
  CHECK(web.verify->address == "127.0.0.1:443");
  CHECK(web.verify->protocol == "tls");
  CHECK(web.verify->server_name == "web");
  CHECK(web.pace.verify_within == seconds(20));
  CHECK(web.pace.verify_again == Duration::zero());
  const DeliveryTarget& db = config->targets[1];
  CHECK_FALSE(db.identity.id);
  CHECK_FALSE(db.reload);
  CHECK_FALSE(db.verify);
}

TEST_CASE("without socket_path the environment, and then the default, says where the agent is") {
  Bench bench;
  const std::string json =
      R"({"deliver": {"targets": {"a": {"dir": "/a", "files": {"k": {"content": "key"}}}}}})";
  CHECK(bench.Load(json, "unix:///other.sock")->endpoint == "unix:///other.sock");
  CHECK(bench.Load(json)->endpoint == "unix:///run/signet/agent/api.sock");
}

TEST_CASE("every problem of a delivery is told at once, with its place") {
  Bench bench;
  const auto config = bench.Load(R"({"deliver": {"targets": {
    "web": {
      "dir": "relative",
      "spiffe_id": "https://x",
      "files": {
        "../up": {"content": "chain"},
        "a": {"content": "everything"},
        "key": {"content": "key", "mode": "0644"},
        "p12": {"content": "pkcs12", "password_file": "/nonexistent/password"},
        "m": {"content": "chain", "mode": "rw"}},
      "reload": {"kind": "signal"},
      "verify": {"protocol": "tls"}},
    "second": {
      "dir": "/same", "files": {"key": {"content": "key", "mode": "0644"}},
      "reload": {"kind": "haproxy", "socket": "/run/h.sock", "files": {"combined": "other.pem"}},
      "verify": {"address": "localhost", "protocol": "gopher"}},
    "third": {"dir": "/same", "files": {}, "relaod": {}}
  }}})");
  REQUIRE_FALSE(config.ok());
  const std::string& text = config.error().message;
  for (const char* const part : {
           "d.json:3: deliver.targets.web.dir: expects an absolute path",
           "d.json:4: deliver.targets.web.spiffe_id: ",
           "d.json:6: deliver.targets.web.files.\"../up\": ",
           "d.json:7: deliver.targets.web.files.a.content: expects chain, leaf",
           "d.json:10: deliver.targets.web.files.m.mode: expects an octal mode",
           "deliver.targets.web: files: the password of file \"p12\": ",
           "d.json:11: deliver.targets.web.reload: ",
           "d.json:12: deliver.targets.web.verify: address: is required",
           "d.json:13: deliver.targets.second: files: ",
           "d.json:15: deliver.targets.second.reload.files.combined: the target has no file",
           "d.json:16: deliver.targets.second.verify: ",
           "deliver.targets.third.relaod: unknown key; did you mean \"reload\"?",
           "deliver.targets.third: files: is required",
           "d.json:17: deliver.targets.third.dir: target \"second\" has this folder already",
       }) {
    CHECK_THAT(text, Catch::Contains(part));
  }
}

TEST_CASE("a delivery without targets is told that it needs some") {
  Bench bench;
  for (const char* const json : {"{}", R"({"deliver": {"targets": {}}})"}) {
    REQUIRE_ERROR(bench.Load(json), Code::kInvalidArgument,
                  "deliver.targets: is required; name at least one target");
  }
}

TEST_CASE("a PKCS#12's password is read from a file that only its owner can read") {
  Bench bench;
  Write(bench.dir, "password", "swordfish\n");
  const std::string json = R"({"deliver": {"targets": {"a": {"dir": "/a", "files": {
      "p12": {"content": "pkcs12", "password_file": ")" +
                           bench.dir.File("password") + R"("}}}}}})";
  ::chmod(bench.dir.File("password").c_str(), 0644);
  REQUIRE_ERROR(bench.Load(json), Code::kInvalidArgument, "the password of file \"p12\"");
  ::chmod(bench.dir.File("password").c_str(), 0600);
  const auto config = bench.Load(json);
  REQUIRE_OK(config);
  CHECK(AsText(config->targets[0].files[0].password.RevealSecret()) == "swordfish");
}

TEST_CASE("inside the agent a target names the selectors of its workload") {
  test::TempDir dir;
  const auto load = [&dir](const std::string& target) {
    Write(dir, "agent.json",
          R"({"agent": {"trust_domain": "example.org", "server_address": "s",
        "insecure_bootstrap": true, "delivery": {"targets": {"web": )" +
              target + "}}}}");
    return LoadAgentConfig(dir.File("agent.json"), {}, {.uid = 0});
  };
  const auto config = load(R"({"dir": "/w", "selectors": ["unix:user:web", "unix:group:web"],
                               "files": {"k": {"content": "key"}}})");
  REQUIRE_OK(config);
  REQUIRE(config->delivery.size() == 1);
  REQUIRE(config->delivery[0].selectors.size() == 2);
  CHECK(config->delivery[0].selectors[0].ToString() == "unix:user:web");
  REQUIRE_ERROR(load(R"({"dir": "/w", "files": {"k": {"content": "key"}}})"),
                Code::kInvalidArgument, "agent.delivery.targets.web.selectors: is required");
  REQUIRE_ERROR(load(R"({"dir": "/w", "selectors": [], "files": {"k": {"content": "key"}}})"),
                Code::kInvalidArgument, "agent.delivery.targets.web.selectors: is required");
}

TEST_CASE("docs/reference-deliver-config.md is what the schema table says", "[docs]") {
  test::CheckDoc("reference-deliver-config.md",
                 config::Reference("Configuration of signet-agent deliver", DeliverOptions()));
}

}  // namespace
}  // namespace signet::agent_cmd
