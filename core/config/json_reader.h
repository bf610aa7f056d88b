#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace signet::config {

/// JsonItem is one thing that a configuration file says, in the file's order.
struct JsonItem {
  enum class Kind { kObject, kString, kInteger, kFraction, kBool, kNull, kStringList };
  std::string path;  ///< keys joined by '.'; a key that has a '.' itself is put in quotes
  Kind kind = Kind::kNull;
  std::string text = {};               ///< scalars
  std::vector<std::string> list = {};  ///< kStringList
  int line = 0;
};

struct JsonProblem {
  int line = 0;
  std::string text;
};

struct JsonDocument {
  std::vector<JsonItem> items;
  std::vector<JsonProblem> problems;
};

/// ReadJson reads one JSON object strictly: no comments, no duplicate keys, at most 16 levels. An
/// array holds strings, or objects that stand for themselves. What can be read before and after a
/// problem is kept; nothing throws.
JsonDocument ReadJson(std::string_view text);

/// JsonKindName is for messages: "a string", "an object".
std::string_view JsonKindName(JsonItem::Kind kind);

}  // namespace signet::config
