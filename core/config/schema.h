#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/result.h"
#include "core/config/flags.h"

namespace signet::config {

/// Type of an option. kBlock is an object whose mere presence says something
/// ("plugins.KeyManager.disk"). kUnsupported is a key that SPIRE has and this program lacks:
/// setting it is a problem, and `help` says what instead. kIgnored may be anything, and has no
/// value.
enum class Type { kString, kInt, kBool, kDuration, kStringList, kBlock, kUnsupported, kIgnored };

/// Option is one row of a program's schema table: parsing, defaults, flags, `--help`, validation
/// and the reference page all come from it.
struct Option {
  /// Place in the file, e.g. "server.bind_port". Keys may be "*" ("clusters.*.audience"): the file
  /// chooses names there, and each name has such an option, with its default.
  std::string path;
  Type type = Type::kString;
  std::string default_value = {};  ///< as text; "" for none
  std::string flag = {};           ///< flag that overrides it, e.g. "serverPort"; "" for none
  std::string help = {};
  bool required = false;
  /// validate returns "" or what is wrong and what to do; runs on the text form (of each list
  /// item). Of a block it gets the block's name.
  std::function<std::string(const std::string&)> validate = {};
};

/// Values is a complete, checked configuration. Reading a path that the schema lacks, or as another
/// type, aborts.
class Values {
 public:
  const std::string& String(std::string_view path) const;
  std::int64_t Int(std::string_view path) const;
  bool Bool(std::string_view path) const;
  /// Milliseconds of a duration as Go writes them: "1h", "90s", "1h30m", "500ms".
  std::int64_t Milliseconds(std::string_view path) const;
  std::int64_t Seconds(std::string_view path) const;  ///< rounded up
  const std::vector<std::string>& List(std::string_view path) const;
  /// Given: the path was set by file or flag, not by default; for a block: it is there.
  bool Given(std::string_view path) const;
  /// Names lists what the file has chosen for "*" below a path of the file, in its order.
  std::vector<std::string> Names(std::string_view path) const;
  /// PathOf gives the path of a name's block: "clusters.prod" of "clusters" and "prod".
  static std::string PathOf(std::string_view path, const std::string& name);

  struct Cell {
    Type type = Type::kString;
    std::variant<std::string, std::int64_t, bool, std::vector<std::string>> value = {};
    bool given = false;
    std::string place = {};  ///< where it was set, e.g. "server.json:12" or "-serverPort"
  };
  std::map<std::string, Cell, std::less<>> cells;
  std::map<std::string, std::vector<std::string>, std::less<>> names;

 private:
  const Cell& At(std::string_view path, Type type) const;
};

/// Check looks at several options together, also when some of them have problems of their own: one
/// problem a line item, with its place.
using Check = std::function<std::vector<std::string>(const Values&)>;

/// Load reads a JSON file (empty path: none) and overrides it by flags (flag name → text). Every
/// problem of one run is reported, one a line, each with its place ("server.json:12:
/// server.bind_port: …"); unknown keys, duplicate keys and wrong types are problems.
/// INVALID_ARGUMENT carries them all.
///
/// As in SPIRE's JSON, an array of objects stands for the objects in it, and a whole number may be
/// written as a string. Files are at most 1 MiB and 16 levels deep.
Result<Values> Load(const std::vector<Option>& schema, const std::string& file,
                    const std::map<std::string, std::string>& flags, const Check& check = {});

/// Source is text that was already read; `name` is used in places ("" for no text).
struct Source {
  std::string name;
  std::string_view text;
  bool hcl = false;  ///< HCL version 1 instead of JSON
};
Result<Values> LoadText(const std::vector<Option>& schema, const Source& source,
                        const std::map<std::string, std::string>& flags, const Check& check = {});

/// SchemaFlags gives the flags that override the schema's options.
std::vector<Flag> SchemaFlags(const std::vector<Option>& schema);

/// ParseDurationMs reads "1h30m", "90s", "1.5h", "500ms"; a bare number, a sign, and more than 100
/// years are refused. Result in milliseconds, rounded up.
Result<std::int64_t> ParseDurationMs(std::string_view text);

/// Reference renders the table as Markdown for docs/.
std::string Reference(std::string_view title, const std::vector<Option>& schema);

/// Nearest returns the candidate that is most likely meant by a mistyped name, or "" if none is
/// near.
std::string Nearest(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace signet::config
