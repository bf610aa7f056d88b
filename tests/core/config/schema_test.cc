#include "core/config/schema.h"

#include <fstream>

#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::config {
namespace {

std::string NotZero(const std::string& text) { return text == "0" ? "must not be 0" : ""; }

const std::vector<Option>& Schema() {
  static const std::vector<Option> schema = {
      {.path = "server.trust_domain", .flag = "trustDomain", .help = "Name.", .required = true},
      {.path = "server.bind_port",
       .type = Type::kInt,
       .default_value = "8081",
       .flag = "serverPort",
       .help = "TCP port.",
       .validate = NotZero},
      {.path = "server.ca_ttl", .type = Type::kDuration, .default_value = "24h", .help = "Life."},
      {.path = "server.admin_ids", .type = Type::kStringList, .help = "Admins | them."},
      {.path = "server.ratelimit.signing", .type = Type::kBool, .default_value = "true"},
      {.path = "plugins.KeyManager.disk", .type = Type::kBlock, .help = "Keys on disk."},
      {.path = "plugins.KeyManager.disk.plugin_data.keys_path", .help = "File."},
      {.path = "plugins.KeyManager.memory", .type = Type::kBlock},
      {.path = "server.jwt_issuer", .type = Type::kUnsupported, .help = "remove it"},
  };
  return schema;
}

Result<Values> LoadJson(const std::string& json,
                        const std::map<std::string, std::string>& flags = {}) {
  return LoadText(Schema(), {"server.json", json}, flags);
}

TEST_CASE("a whole file is read, with defaults for what it leaves out") {
  const auto values = LoadJson(R"({"server": {"trust_domain": "example.org", "ca_ttl": "1h30m",
      "admin_ids": ["spiffe://a", "spiffe://b"], "ratelimit": {"signing": false}},
      "plugins": {"KeyManager": {"disk": {"plugin_data": {"keys_path": "/k"}}}}})");
  REQUIRE_OK(values);
  CHECK(values->String("server.trust_domain") == "example.org");
  CHECK(values->Int("server.bind_port") == 8081);
  CHECK_FALSE(values->Given("server.bind_port"));
  CHECK(values->Seconds("server.ca_ttl") == 5400);
  CHECK(values->List("server.admin_ids") == std::vector<std::string>{"spiffe://a", "spiffe://b"});
  CHECK_FALSE(values->Bool("server.ratelimit.signing"));
  CHECK(values->Given("plugins.KeyManager.disk"));
  CHECK_FALSE(values->Given("plugins.KeyManager.memory"));
  CHECK(values->String("plugins.KeyManager.disk.plugin_data.keys_path") == "/k");
}

TEST_CASE("flags override the file and satisfy what is required") {
  const auto values = LoadJson(R"({"server": {"bind_port": 1}})",
                               {{"serverPort", "9"}, {"trustDomain", "example.org"}});
  REQUIRE_OK(values);
  CHECK(values->Int("server.bind_port") == 9);
  CHECK(values->Given("server.bind_port"));
  CHECK(values->cells.at("server.bind_port").place == "-serverPort");
  CHECK(values->String("server.trust_domain") == "example.org");
}

TEST_CASE("every problem of one file is reported in one run, each with its line") {
  const auto values = LoadJson(R"({
  "server": {
    "bind_prot": 8081,
    "bind_port": "many",
    "ca_ttl": 60,
    "ca_ttl": "1h",
    "ratelimit": {"signing": "yes"},
    "admin_ids": ["a", 7],
    "jwt_issuer": "x"
  },
  "plugins": {"KeyManager": {"aws_kms": {"plugin_data": {"region": "x"}}, "disk": null}},
  "telemetry": {"a": {"b": 1}}
})",
                               {{"serverPort", "0"}});
  REQUIRE_FALSE(values.ok());
  CHECK(values.error().code == Code::kInvalidArgument);
  CHECK(values.error().message ==
        R"(server.json:3: server.bind_prot: unknown key; did you mean "bind_port"?
server.json:4: server.bind_port: "many" is not a whole number
server.json:5: server.ca_ttl: expects a duration in quotes, such as "1h30m", found a whole number
server.json:6: server.ca_ttl: this key is there twice
server.json:6: server.ca_ttl: is set twice
server.json:7: server.ratelimit.signing: expects true or false, found a string
server.json:8: server.admin_ids: a list holds strings, found a whole number
server.json:9: server.jwt_issuer: not supported yet: remove it
server.json:11: plugins.KeyManager.aws_kms: unknown key; known here: disk, memory
server.json:11: plugins.KeyManager.disk: expects an object, found null
server.json:12: telemetry: unknown key; known here: plugins, server
-serverPort: must not be 0
server.json: server.trust_domain: is required; set it in the file or with -trustDomain)");
}

TEST_CASE("what is not one JSON object is refused with its line") {
  const std::string deep = [] {
    std::string text;
    for (int i = 0; i < 100; ++i) {
      text += "{\"server\":";
    }
    return text;
  }();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "server.json:1: not valid JSON: "},
      {"[]", "server.json:1: a configuration is one object"},
      {"7", "server.json:1: a configuration is one object"},
      {"{\n\"server\": {\n\"bind_port\": 1,\n}}", "server.json:4: not valid JSON: "},
      {"{\n// words\n}", "server.json:2: not valid JSON: "},
      {"{} {}", "server.json:1: not valid JSON: "},
      {"{\"server\": {\"trust_domain\": \"\\u0000\"}}", "control characters"},
      {"{\"server\": {\"trust_domain\": \"\xff\"}}", "not valid JSON: "},
      {deep, "nested more than 16 levels deep"},
      {"{\"server\": [[{}]]}", "a list in a list"},
      {"{\"server\": 7}", "server: expects an object, found a whole number"},
      {"{\"server\": {\"bind_port\": 1.5}}", "expects a whole number, found a fraction"},
      {"{\"server\": {\"bind_port\": 99999999999999999999}}", "found a fraction"},
      {"{\"server\": {\"bind_port\": 9999999999999999999}}", "is not a whole number"},
      {"{\"server.bind_port\": 1}", "\"server.bind_port\": unknown key"},
      {"{\"server\": {\"\": 1}}", "server.\"\": unknown key"},
  };
  for (const auto& [json, want] : cases) {
    INFO(json);
    REQUIRE_ERROR(LoadJson(json, {{"trustDomain", "x"}}), Code::kInvalidArgument, want);
  }
}

TEST_CASE("objects in an array count as the objects, as in SPIRE's JSON") {
  const auto values = LoadJson(
      R"({"server": [{"trust_domain": "x"}, {"bind_port": "12"}],
          "plugins": {"KeyManager": [{"memory": [{}]}]}})");
  REQUIRE_OK(values);
  CHECK(values->Int("server.bind_port") == 12);
  CHECK(values->Given("plugins.KeyManager.memory"));
  REQUIRE_ERROR(LoadJson(R"({"server": [{"trust_domain": "x"}, {"trust_domain": "y"}]})"),
                Code::kInvalidArgument, "server.json:1: server.trust_domain: is set twice");
}

TEST_CASE("a value after a number on the same line keeps its line") {
  REQUIRE_ERROR(LoadJson("{\"server\": {\"bind_port\": 0\n, \"trust_domain\": \"x\"}}"),
                Code::kInvalidArgument, "server.json:1: server.bind_port: must not be 0");
}

TEST_CASE("a file is read by its name, and a missing or huge one is an error that names it") {
  test::TempDir dir;
  const std::string file = dir.File("my.json");
  std::ofstream(file) << "{\n\"x\": 1}";
  REQUIRE_ERROR(Load(Schema(), file, {}), Code::kInvalidArgument, "my.json:2: x: unknown key");
  REQUIRE_ERROR(Load(Schema(), dir.File("none.json"), {}), Code::kNotFound, "none.json");
  std::ofstream(file) << std::string(1024 * 1024 + 1, ' ');
  REQUIRE_ERROR(Load(Schema(), file, {}), Code::kInvalidArgument, "larger than 1048576 bytes");
  REQUIRE_OK(Load(Schema(), "", {{"trustDomain", "x"}}));
}

TEST_CASE("thousands of problems are cut at a hundred") {
  std::string json = "{\"server\": {\"trust_domain\": \"x\"";
  for (int i = 0; i < 5000; ++i) {
    json += ",\n\"k" + std::to_string(i) + "\": 1";
  }
  REQUIRE_ERROR(LoadJson(json + "}}"), Code::kInvalidArgument, "… and 4900 more");
}

TEST_CASE("the nearest name is found across case, underscores and small slips") {
  const std::vector<std::string> names = {"bind_port", "bind_address", "ca_ttl"};
  CHECK(Nearest("bindPort", names) == "bind_port");
  CHECK(Nearest("bnid_port", names) == "bind_port");
  CHECK(Nearest("catl", names) == "ca_ttl");
  CHECK(Nearest("telemetry", names).empty());
  CHECK(Nearest(std::string(1'000'000, 'b'), names).empty());
  CHECK(Nearest("x", {}).empty());
}

TEST_CASE("the reference page lists every row and escapes what would break its table") {
  const std::string page = Reference("Server", Schema());
  CHECK_THAT(page, Catch::Contains("# Server\n"));
  CHECK_THAT(page, Catch::Contains("| `server.trust_domain` | string | required | `-trustDomain` | "
                                   "Name. |\n"));
  CHECK_THAT(page,
             Catch::Contains("| `server.bind_port` | whole number | `8081` | `-serverPort` |"));
  CHECK_THAT(page, Catch::Contains("Admins \\| them."));
  CHECK_THAT(page, Catch::Contains("| `server.jwt_issuer` | remove it |"));
}

}  // namespace
}  // namespace signet::config
