#include "core/config/schema.h"
#include "tests/support/result.h"

namespace signet::config {
namespace {

std::string NoStar(const std::string& name) {
  return name == "*" ? "\"*\" is no name of a cluster" : "";
}

const std::vector<Option>& Schema() {
  static const std::vector<Option> schema = {
      {.path = "server.port", .type = Type::kInt, .default_value = "8081"},
      {.path = "clusters.*", .type = Type::kBlock, .help = "One cluster.", .validate = NoStar},
      {.path = "clusters.*.file", .help = "Its file."},
      {.path = "clusters.*.audience",
       .type = Type::kStringList,
       .default_value = "spire-server",
       .help = "Its audience."},
      {.path = "clusters.*.identities", .type = Type::kBlock},
      {.path = "clusters.*.identities.ttl", .type = Type::kDuration, .default_value = "1h"},
      {.path = "clusters.*.secret", .required = true},
      {.path = "clusters.*.old", .type = Type::kUnsupported, .help = "remove it"},
  };
  return schema;
}

Result<Values> LoadJson(const std::string& json) {
  return LoadText(Schema(), {"server.json", json}, {});
}

TEST_CASE("the file chooses names where the schema has a star, each with its own defaults") {
  const auto values = LoadJson(R"({"clusters": {
      "prod": {"secret": "a", "audience": ["x"], "identities": {"ttl": "5m"}},
      "eu.west-1": {"secret": "b"}}})");
  REQUIRE_OK(values);
  CHECK(values->Names("clusters") == std::vector<std::string>{"prod", "eu.west-1"});
  CHECK(values->Names("server").empty());
  const std::string prod = Values::PathOf("clusters", "prod");
  const std::string west = Values::PathOf("clusters", "eu.west-1");
  CHECK(prod == "clusters.prod");
  CHECK(values->String(prod + ".secret") == "a");
  CHECK(values->List(prod + ".audience") == std::vector<std::string>{"x"});
  CHECK(values->Seconds(prod + ".identities.ttl") == 300);
  CHECK(values->Given(prod + ".identities"));
  CHECK(values->String(west + ".secret") == "b");
  CHECK(values->List(west + ".audience") == std::vector<std::string>{"spire-server"});
  CHECK_FALSE(values->Given(west + ".audience"));
  CHECK(values->Seconds(west + ".identities.ttl") == 3600);
  CHECK_FALSE(values->Given(west + ".identities"));
}

TEST_CASE("a file without names has none, and requires nothing of them") {
  const auto values = LoadJson("{}");
  REQUIRE_OK(values);
  CHECK(values->Names("clusters").empty());
  REQUIRE_OK(LoadJson(R"({"clusters": {}})"));
}

TEST_CASE("problems below a chosen name say which name, and still know the nearest key") {
  const auto values = LoadJson(R"({"clusters": {
  "prod": {"secret": "a", "audiense": ["x"], "identities": {"ttl": "soon"}},
  "a.b": {"file": 7, "old": 1, "colour": "red"},
  "*": {"secret": "c"},
  "text": "x"
}})");
  REQUIRE_FALSE(values.ok());
  CHECK(values.error().message ==
        R"(server.json:2: clusters.prod.audiense: unknown key; did you mean "audience"?
server.json:2: clusters.prod.identities.ttl: "soon" is not a duration; write it as "1h", "90s", "1h30m" or "500ms"
server.json:3: clusters."a.b".file: expects a string, found a whole number
server.json:3: clusters."a.b".old: not supported yet: remove it
server.json:3: clusters."a.b".colour: unknown key; known here: audience, file, identities, secret
server.json:4: clusters.*: "*" is no name of a cluster
server.json:5: clusters.text: expects an object, found a string
server.json: clusters."a.b".secret: is required; set it in the file
server.json: clusters.text.secret: is required; set it in the file)");
}

TEST_CASE("the same name in two objects of an array is one name") {
  const std::string text = R"({"clusters": [{"prod": {"secret": "a"}}, {"prod": {"file": "f"}}]})";
  const auto values = LoadJson(text);
  REQUIRE_OK(values);
  CHECK(values->Names("clusters").size() == 1);
  CHECK(values->String("clusters.prod.file") == "f");
  REQUIRE_ERROR(LoadJson(R"({"clusters": [{"p": {"secret": "a"}}, {"p": {"secret": "b"}}]})"),
                Code::kInvalidArgument, "clusters.p.secret: is set twice");
}

TEST_CASE("odd names neither crash nor lose their problems") {
  for (const std::string name : {"", ".", "\\\"", "\\\".x", "a.\\\"b", "...", "\\\"a.b\\\""}) {
    INFO(name);
    const auto values = LoadJson(R"({"clusters": {")" + name + R"(": {"nonsense": 1}}})");
    REQUIRE_ERROR(values, Code::kInvalidArgument, "unknown key");
  }
}

TEST_CASE("thousands of names are bounded") {
  std::string json = "{\"clusters\": {\"n0\": {\"secret\": \"s\"}";
  for (int i = 1; i < 3000; ++i) {
    json += ", \"n" + std::to_string(i) + "\": {\"secret\": \"s\"}";
  }
  REQUIRE_ERROR(LoadJson(json + "}}"), Code::kInvalidArgument, "more than 1000 names");
}

TEST_CASE("the reference page shows a name to choose") {
  const std::string page = Reference("Server", Schema());
  CHECK_THAT(page, Catch::Contains("| `clusters.<name>.audience` | list of strings | "
                                   "`spire-server` |  | Its audience. |"));
  CHECK_THAT(page, Catch::Contains("| `clusters.<name>.old` | remove it |"));
}

const std::vector<Option>& NestedSchema() {
  static const std::vector<Option> schema = {
      {.path = "targets.*", .type = Type::kBlock, .help = "A place."},
      {.path = "targets.*.dir", .required = true},
      {.path = "targets.*.files.*.content", .help = "What it holds.", .required = true},
      {.path = "targets.*.files.*.mode", .default_value = "0644", .help = "Its mode."},
  };
  return schema;
}

TEST_CASE("names that the file chooses may stand below each other") {
  const auto values = LoadText(NestedSchema(), {"d.json", R"({"targets": {
      "web": {"dir": "/a", "files": {"svid.pem": {"content": "chain"}, "key": {"content": "key", "mode": "0600"}}},
      "db": {"dir": "/b", "files": {"svid.pem": {"content": "leaf"}}},
      "idle": {"dir": "/c"}}})"},
                               {});
  REQUIRE_OK(values);
  CHECK(values->Names("targets") == std::vector<std::string>{"web", "db", "idle"});
  CHECK(values->Names("targets.web.files") == std::vector<std::string>{"svid.pem", "key"});
  CHECK(values->Names("targets.db.files") == std::vector<std::string>{"svid.pem"});
  CHECK(values->Names("targets.idle.files").empty());
  const std::string web = Values::PathOf("targets.web.files", "svid.pem");
  CHECK(values->String(web + ".content") == "chain");
  CHECK(values->String(web + ".mode") == "0644");
  CHECK(values->String("targets.web.files.key.mode") == "0600");
  CHECK(values->String(Values::PathOf("targets.db.files", "svid.pem") + ".content") == "leaf");
}

TEST_CASE("what nested names require is asked of each of them") {
  const auto values = LoadText(NestedSchema(), {"d.json", R"({"targets": {
      "web": {"dir": "/a", "files": {"svid.pem": {"mode": "0600"}, "b": {"contents": "key"}}}, "db": {}}})"},
                               {});
  REQUIRE_FALSE(values.ok());
  const std::string& text = values.error().message;
  CHECK(text.find("targets.web.files.\"svid.pem\".content: is required") != std::string::npos);
  CHECK(text.find("targets.web.files.b.contents: unknown key; did you mean \"content\"?") !=
        std::string::npos);
  CHECK(text.find("targets.db.dir: is required") != std::string::npos);
}

TEST_CASE("the reference shows each chosen name") {
  CHECK(Reference("T", NestedSchema()).find("`targets.<name>.files.<name>.content`") !=
        std::string::npos);
}

}  // namespace
}  // namespace signet::config
