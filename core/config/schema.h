#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/result.h"

namespace signet::config {

enum class Type { kString, kInt, kBool, kDuration, kStringList };

/// Option is one row of a program's schema table: parsing, defaults, flags, `--help`, validation and the reference page
/// all come from it.
struct Option {
  std::string path;           ///< place in the file, e.g. "server.bind_port"
  Type type = Type::kString;
  std::string default_value;  ///< as text; "" for none
  std::string flag;           ///< flag that overrides it, e.g. "serverPort"; "" for none
  std::string help;
  bool required = false;
  /// validate returns "" or what is wrong and what to do; runs on the text form.
  std::function<std::string(const std::string&)> validate = {};
};

/// Values is a complete, checked configuration. Reading a path that the schema lacks, or as another type, aborts.
class Values {
 public:
  const std::string& String(std::string_view path) const;
  std::int64_t Int(std::string_view path) const;
  bool Bool(std::string_view path) const;
  std::int64_t Seconds(std::string_view path) const;  ///< durations as Go writes them: "1h", "90s", "1h30m", "500ms" rounds up
  const std::vector<std::string>& List(std::string_view path) const;
  /// Given: the path was set by file or flag, not by default.
  bool Given(std::string_view path) const;

  struct Cell {
    std::variant<std::string, std::int64_t, bool, std::vector<std::string>> value;
    bool given = false;
  };
  std::map<std::string, Cell, std::less<>> cells;
};

/// Load reads a JSON file (empty path: none) and overrides it by flags (flag name → text). Every problem of one run is
/// reported, one a line, each with its place ("server.json:12: server.bind_port: …"); unknown keys, duplicate keys and
/// wrong types are problems. INVALID_ARGUMENT carries them all.
Result<Values> Load(const std::vector<Option>& schema, const std::string& file,
                    const std::map<std::string, std::string>& flags);

/// ParseDuration reads "1h30m", "90s", "500ms"; a bare number is refused. Result in milliseconds.
Result<std::int64_t> ParseDurationMs(std::string_view text);

/// Reference renders the table as Markdown for docs/.
std::string Reference(std::string_view title, const std::vector<Option>& schema);

}  // namespace signet::config
