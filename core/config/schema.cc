#include "core/config/schema.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/base/files.h"
#include "core/config/cell.h"
#include "core/config/hcl_reader.h"
#include "core/config/json_reader.h"
#include "core/config/option_path.h"

namespace signet::config {
namespace {

using Kind = JsonItem::Kind;

constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr std::size_t kMaxProblems = 100;
constexpr std::size_t kMaxNames = 1000;

class Loader {
 public:
  explicit Loader(const std::vector<Option>& schema) : schema_(schema) {
    for (const Option& option : schema_) {
      known_.insert(option.path);
      for (std::string parent = SplitLast(option.path).first; !parent.empty();
           parent = SplitLast(parent).first) {
        sections_.insert(parent);
        known_.insert(parent);
      }
      SIGNET_CHECK(option.flag.empty() || SplitWildcard(option.path).first.empty(), option.path);
      if (SplitWildcard(option.path).first.empty()) {
        SetDefault(option, option.path);
      }
    }
  }

  void ApplyFile(const Source& source) {
    file_ = source.name;
    JsonDocument document = source.hcl ? ReadHcl(source.text) : ReadJson(source.text);
    std::vector<JsonProblem> problems = std::move(document.problems);
    for (const JsonItem& item : document.items) {
      const std::string problem = ApplyItem(item);
      if (!problem.empty()) {
        problems.push_back({item.line, item.path + ": " + problem});
      }
    }
    std::stable_sort(problems.begin(), problems.end(),
                     [](const auto& a, const auto& b) { return a.line < b.line; });
    for (const JsonProblem& problem : problems) {
      problems_.push_back(Place(problem.line) + ": " + problem.text);
    }
  }

  void ApplyFlags(const std::map<std::string, std::string>& flags) {
    for (const auto& flag : flags) {
      const auto option = std::find_if(schema_.begin(), schema_.end(),
                                       [&](const Option& o) { return o.flag == flag.first; });
      SIGNET_CHECK(option != schema_.end(), "a flag that the schema lacks was given to Load");
      const std::string problem =
          Set(option->path, ParseCell(*option, flag.second, "-" + flag.first));
      if (!problem.empty()) {
        problems_.push_back("-" + flag.first + ": " + problem);
      }
    }
  }

  Result<Values> Finish(const Check& check) {
    for (const Option& option : schema_) {
      for (const std::string& path : option.required ? PathsOf(option) : Paths{}) {
        CheckGiven(option, path);
      }
    }
    if (check) {
      const std::vector<std::string> more = check(values_);
      problems_.insert(problems_.end(), more.begin(), more.end());
    }
    if (problems_.empty()) {
      return std::move(values_);
    }
    std::string text;
    for (std::size_t i = 0; i < problems_.size() && i < kMaxProblems; ++i) {
      text += (i == 0 ? "" : "\n") + problems_[i];
    }
    if (problems_.size() > kMaxProblems) {
      text += "\n… and " + std::to_string(problems_.size() - kMaxProblems) + " more";
    }
    return InvalidArgument(text);
  }

 private:
  using Paths = std::vector<std::string>;

  void SetDefault(const Option& option, const std::string& path) {
    if (option.type == Type::kUnsupported) {
      return;
    }
    values_.cells[path] = EmptyCell(option.type);
    if (!option.default_value.empty()) {
      const std::string problem = Set(path, ParseCell(option, option.default_value, ""));
      SIGNET_CHECK(problem.empty(), option.path + ": " + problem);
      values_.cells[path].given = false;
    }
  }

  /// Set keeps the cell, or returns what is wrong with it.
  std::string Set(const std::string& path, Result<Values::Cell> cell) {
    if (!cell.ok()) {
      return cell.error().message;
    }
    values_.cells[path] = std::move(cell).value();
    return "";
  }

  void CheckGiven(const Option& option, const std::string& path) {
    // A key that was set, but wrongly, has had its message.
    if (!values_.cells[path].given && seen_.count(path) == 0) {
      problems_.push_back((file_.empty() ? "" : file_ + ": ") + path +
                          ": is required; set it in the file" +
                          (option.flag.empty() ? "" : " or with -" + option.flag));
    }
  }

  /// PathsOf gives an option's places in this file: one, or one for each name.
  Paths PathsOf(const Option& option) const {
    Paths paths = {option.path};
    while (!SplitWildcard(paths.front()).first.empty()) {
      Paths more;
      for (const std::string& path : paths) {
        const auto [before, after] = SplitWildcard(path);
        for (const std::string& name : values_.Names(before)) {
          more.push_back(Values::PathOf(before, name) + after);
        }
      }
      if (more.empty()) {
        return {};
      }
      paths = std::move(more);
    }
    return paths;
  }

  /// PatternOf is the schema's path for one of the file, "*" for each name that the file chose, or
  /// the path itself as far as the schema lacks it. A new name gets its defaults.
  std::string PatternOf(const std::string& path) {
    std::string pattern;
    std::string place;
    for (const std::string& key : SplitPath(path)) {
      const std::string exact = JoinPath(pattern, key);
      const std::string any = JoinPath(pattern, "*");
      if (known_.count(any) != 0) {
        AddName(any, place, NameOf(key));
      }
      pattern = known_.count(any) != 0 ? any : exact;
      place = JoinPath(place, key);
    }
    return pattern;
  }

  /// AddName: `any` is the schema's path that ends with "*", `before` where the file names it.
  void AddName(const std::string& any, const std::string& before, const std::string& name) {
    std::vector<std::string>& names = values_.names[before];
    if (std::find(names.begin(), names.end(), name) != names.end() || too_many_names_) {
      return;
    }
    if (names.size() >= kMaxNames) {
      too_many_names_ = true;
      problems_.push_back(file_ + ": " + before + ": more than " + std::to_string(kMaxNames) +
                          " names");
      return;
    }
    names.push_back(name);
    for (const Option& option : schema_) {
      const bool below = option.path == any || option.path.starts_with(any + ".");
      const std::string after = below ? option.path.substr(any.size()) : "";
      if (below && SplitWildcard(after).first.empty()) {
        SetDefault(option, Values::PathOf(before, name) + after);
      }
    }
  }

  std::string Place(int line) const { return file_ + ":" + std::to_string(line); }

  // ApplyItem returns "" or what is wrong with the item.
  std::string ApplyItem(const JsonItem& item) {
    if (item.path.empty() || (!skip_.empty() && item.path.starts_with(skip_ + "."))) {
      return "";
    }
    const std::string pattern = PatternOf(item.path);
    const auto option = std::find_if(schema_.begin(), schema_.end(),
                                     [&](const Option& o) { return o.path == pattern; });
    const bool section = sections_.count(pattern) != 0;
    if (option == schema_.end() && !section) {
      skip_ = item.path;
      return Unknown(pattern);
    }
    if (option != schema_.end() && option->type == Type::kIgnored) {
      skip_ = item.path;
      return "";
    }
    if (option != schema_.end() && option->type == Type::kUnsupported) {
      skip_ = item.path;
      return "not supported yet" + (option->help.empty() ? "" : ": " + option->help);
    }
    if (option == schema_.end()) {
      return item.kind == Kind::kObject || (item.kind == Kind::kStringList && item.list.empty())
                 ? ""
                 : "expects an object, found " + std::string(JsonKindName(item.kind));
    }
    return ApplyOption(*option, item);
  }

  std::string ApplyOption(const Option& option, const JsonItem& item) {
    if (!seen_.insert(item.path).second && item.kind != Kind::kObject) {
      return "is set twice";
    }
    if (std::string problem = KindProblem(option.type, item.kind); !problem.empty()) {
      skip_ = item.kind == Kind::kObject ? item.path : skip_;
      return problem;
    }
    const std::string place = Place(item.line);
    if (option.type == Type::kBlock) {
      values_.cells[item.path] = {Type::kBlock, true, true, place};
      return option.validate ? option.validate(NameOf(SplitLast(item.path).second)) : "";
    }
    return Set(item.path, option.type == Type::kStringList ? ParseListCell(option, item.list, place)
                                                           : ParseCell(option, item.text, place));
  }

  std::string Unknown(const std::string& path) const {
    const auto [parent, key] = SplitLast(path);
    std::set<std::string> siblings;
    const auto add = [&siblings, &parent = parent](const std::string& known) {
      const auto [above, last] = SplitLast(known);
      if (above == parent) {
        siblings.insert(last);
      }
    };
    for (const std::string& known : sections_) {
      add(known);
    }
    for (const Option& option : schema_) {
      if (option.type != Type::kUnsupported) {
        add(option.path);
      }
    }
    const std::vector<std::string> names(siblings.begin(), siblings.end());
    const std::string near = Nearest(key, names);
    if (!near.empty()) {
      return "unknown key; did you mean \"" + near + "\"?";
    }
    std::string text = "unknown key; known here:";
    for (const std::string& name : names) {
      text += (name == names.front() ? " " : ", ") + name;
    }
    return text;
  }

  const std::vector<Option>& schema_;
  std::set<std::string> sections_;  // paths of objects that hold options
  std::set<std::string> known_;     // sections and options
  std::set<std::string> seen_;      // options that the file has set, well or not
  bool too_many_names_ = false;
  std::string skip_;  // below this path nothing more is reported
  std::string file_;
  Values values_;
  std::vector<std::string> problems_;
};

}  // namespace

Result<Values> LoadText(const std::vector<Option>& schema, const Source& source,
                        const std::map<std::string, std::string>& flags, const Check& check) {
  Loader loader(schema);
  if (!source.name.empty()) {
    loader.ApplyFile(source);
  }
  loader.ApplyFlags(flags);
  return loader.Finish(check);
}

Result<Values> Load(const std::vector<Option>& schema, const std::string& file,
                    const std::map<std::string, std::string>& flags, const Check& check) {
  Bytes content;
  if (!file.empty()) {
    SIGNET_TRY_ASSIGN(content, ReadFile(file, kMaxFileBytes));
  }
  const std::string name = std::filesystem::path(file).filename().string();
  return LoadText(schema, {name, AsText(content)}, flags, check);
}

std::vector<Flag> SchemaFlags(const std::vector<Option>& schema) {
  std::vector<Flag> flags;
  for (const Option& option : schema) {
    if (!option.flag.empty()) {
      flags.push_back({.name = option.flag,
                       .help = option.help + " Overrides " + option.path + ".",
                       .boolean = option.type == Type::kBool});
    }
  }
  return flags;
}

}  // namespace signet::config
