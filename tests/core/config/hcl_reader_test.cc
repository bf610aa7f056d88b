#include "core/config/hcl_reader.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/config/schema.h"
#include "tests/support/result.h"

namespace signet::config {
namespace {

using Kind = JsonItem::Kind;

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string KindText(Kind kind) {
  switch (kind) {
    case Kind::kObject:
      return "object";
    case Kind::kString:
      return "string";
    case Kind::kInteger:
      return "integer";
    case Kind::kFraction:
      return "fraction";
    case Kind::kBool:
      return "bool";
    case Kind::kStringList:
      return "list";
    case Kind::kNull:
      break;
  }
  return "?";
}

/// Show writes items as tests/data/hcl/make_items.go does, values decoded.
std::vector<std::string> Show(const JsonDocument& document) {
  std::vector<std::string> lines;
  for (const JsonItem& item : document.items) {
    std::string line = KindText(item.kind) + "\t" + std::to_string(item.line) + "\t" + item.path;
    std::vector<std::string> values = item.list;
    if (item.kind != Kind::kObject && item.kind != Kind::kStringList) {
      values = {item.text};
    }
    for (const std::string& value : values) {
      line += "\t" + nlohmann::json(value).dump();
    }
    if (!item.path.empty()) {
      lines.push_back(line);
    }
  }
  return lines;
}

std::vector<std::string> Expected(const std::filesystem::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::string shown;
    std::stringstream fields(line);
    int n = 0;
    for (std::string field; std::getline(fields, field, '\t'); ++n) {
      shown += n == 0 ? field : "\t" + (n > 2 ? nlohmann::json::parse(field).dump() : field);
    }
    lines.push_back(shown);
  }
  return lines;
}

TEST_CASE("HCL is read, and refused, as the original implementation does") {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SIGNET_TEST_DATA "/hcl")) {
    std::filesystem::path path = entry.path();
    if (path.extension() != ".hcl") {
      continue;
    }
    ++files;
    INFO(path.string());
    const JsonDocument document = ReadHcl(ReadAll(path));
    const std::vector<std::string> expected = Expected(path.replace_extension(".items"));
    if (expected == std::vector<std::string>{"error"}) {
      REQUIRE(document.problems.size() == 1);
      CHECK_THAT(document.problems[0].text, Catch::StartsWith("not valid HCL: "));
    } else {
      CHECK(document.problems.empty());
      CHECK(Show(document) == expected);
    }
  }
  CHECK(files > 35);
}

TEST_CASE("problems of HCL name their line and what was expected") {
  struct Row {
    const char* text;
    int line;
    const char* problem;
  };
  const Row rows[] = {
      {"a = 1\nb = word\n", 2, "expects a value; text goes in quotes, found a word without quotes"},
      {"a {\n b = 1\n\n", 4, "expects a key, found the end of the file"},
      {"a = \n", 2, "expects a value; text goes in quotes, found the end of the file"},
      {"a \"b\" = 1", 1, "expects { after a block's labels, found \"=\""},
      {"\na = [1]", 2, "a: a list holds strings, found a whole number"},
      {"a = [[\"x\"]]", 1, "a: a list in a list has no meaning here"},
      {"a = [\"x\", { b = 1 }]", 1, "a: a list holds strings or objects, not both"},
      {"a = \"x\n\"", 1, "this string is never closed"},
      {"\n/* x\n", 2, "this comment is never closed"},
      {"a = <<END\nx\n", 3, "never ended by a line that is END"},
      {"a = \"\\x01\"", 1, "a: control characters have no meaning here"},
      {"a = \"\\xff\"", 1, "this string is not valid UTF-8"},
      {"a = \"\\ud800\"", 1, "an escape that is no character"},
      {"a = \"\xff\"", 1, "the file is not UTF-8 text"},
      {"a = 1e", 1, "exponent has no digits"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const JsonDocument document = ReadHcl(row.text);
    REQUIRE(document.problems.size() >= 1);
    CHECK(document.problems[0].line == row.line);
    CHECK_THAT(document.problems[0].text, Catch::Contains(row.problem));
  }
}

TEST_CASE("HCL is at most 16 levels deep, by blocks, labels and lists") {
  for (const char* const open : {"a {\n", "a \"b\" ", "a = [{ ", "a = [[[["}) {
    std::string text;
    for (int i = 0; i < 2000; ++i) {
      text += open;
    }
    const JsonDocument document = ReadHcl(text + "{");
    REQUIRE_FALSE(document.problems.empty());
    CHECK(document.items.size() < 40);
  }
  std::string labels = "a";
  for (int i = 0; i < 2000; ++i) {
    labels += " \"b\"";
  }
  CHECK_THAT(ReadHcl(labels + " {}").problems.at(0).text, Catch::Contains("16 levels"));
}

TEST_CASE("a schema reads HCL as it reads JSON") {
  const std::vector<Option> schema = {
      {.path = "server.port", .type = Type::kInt, .default_value = "8081"},
      {.path = "server.names", .type = Type::kStringList},
      {.path = "clusters.*.file", .help = "Its file."},
  };
  const auto values = LoadText(schema,
                               {"s.conf",
                                "server { port = \"80\" names = [\"a\"] }\n"
                                "clusters \"b.c\" { file = \"/x\" }\nclusters \"d\" {}\n",
                                true},
                               {});
  REQUIRE_OK(values);
  CHECK(values->Int("server.port") == 80);
  CHECK(values->List("server.names") == std::vector<std::string>{"a"});
  CHECK(values->Names("clusters") == std::vector<std::string>{"b.c", "d"});
  CHECK(values->String("clusters.\"b.c\".file") == "/x");
  const auto bad = LoadText(schema,
                            {"s.conf",
                             "server {\n  prot = 1\n  port = 1\n}\n"
                             "server { port = 2 }\n",
                             true},
                            {});
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().message ==
        "s.conf:2: server.prot: unknown key; did you mean \"port\"?\n"
        "s.conf:5: server.port: is set twice");
}

}  // namespace
}  // namespace signet::config
