
#include "core/config/option_path.h"
#include "core/config/schema.h"

namespace signet::config {
namespace {

std::string_view TypeName(Type type) {
  switch (type) {
    case Type::kString:
      return "string";
    case Type::kInt:
      return "whole number";
    case Type::kBool:
      return "true or false";
    case Type::kDuration:
      return "duration";
    case Type::kStringList:
      return "list of strings";
    case Type::kBlock:
      return "block";
    case Type::kIgnored:
      return "ignored";
    case Type::kUnsupported:
      return "";
  }
  return "";
}

// A '|' would end the table's cell.
std::string Cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c == '|' ? "\\|" : std::string(1, c);
  }
  return out;
}

/// PathText writes each key that the file chooses as "<name>".
std::string PathText(const std::string& path) {
  const auto [before, after] = SplitWildcard(path);
  return before.empty() ? path : PathText(before + ".<name>" + after);
}

std::string Code(std::string_view text) { return text.empty() ? "" : "`" + Cell(text) + "`"; }

}  // namespace

std::string Reference(std::string_view title, const std::vector<Option>& schema) {
  std::string out = "# " + std::string(title) + "\n\n";
  out +=
      "Generated from the program's schema table; a test fails when this page is out of date.\n\n"
      "The file is JSON without comments. Keys are joined with dots here: `a.b` is `{\"a\": "
      "{\"b\": "
      "…}}`. Durations are written as `\"1h30m\"`, `\"90s\"` or `\"500ms\"`. An unknown or "
      "repeated "
      "key is an error. Flags override the file, the file overrides the defaults.\n\n"
      "| key | type | default | flag | meaning |\n|---|---|---|---|---|\n";
  std::string unsupported;
  for (const Option& option : schema) {
    if (option.type == Type::kUnsupported) {
      unsupported += "| " + Code(PathText(option.path)) + " | " + Cell(option.help) + " |\n";
      continue;
    }
    out += "| " + Code(PathText(option.path)) + " | " + std::string(TypeName(option.type)) + " | " +
           (option.required ? "required" : Code(option.default_value)) + " | " +
           Code(option.flag.empty() ? "" : "-" + option.flag) + " | " + Cell(option.help) + " |\n";
  }
  if (!unsupported.empty()) {
    out +=
        "\n## Keys of SPIRE that are not supported yet\n\nSetting one is an error.\n\n"
        "| key | what instead |\n|---|---|\n" +
        unsupported;
  }
  return out;
}

}  // namespace signet::config
