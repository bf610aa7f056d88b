#include "core/config/schema.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "core/base/files.h"
#include "core/config/json_reader.h"

namespace signet::config {
namespace {

using Kind = JsonItem::Kind;

constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr std::size_t kMaxProblems = 100;

std::string_view Expected(Type type) {
  switch (type) {
    case Type::kString:
      return "a string";
    case Type::kInt:
      return "a whole number";
    case Type::kBool:
      return "true or false";
    case Type::kDuration:
      return "a duration in quotes, such as \"1h30m\"";
    case Type::kStringList:
      return "a list of strings";
    case Type::kBlock:
    case Type::kUnsupported:
      return "an object";
  }
  return "";
}

bool KindFits(Type type, Kind kind) {
  switch (type) {
    case Type::kString:
    case Type::kDuration:
      return kind == Kind::kString;
    case Type::kInt:  // SPIRE's own examples put port numbers in quotes
      return kind == Kind::kInteger || kind == Kind::kString;
    case Type::kBool:
      return kind == Kind::kBool;
    case Type::kStringList:
      return kind == Kind::kStringList;
    case Type::kBlock:
      return kind == Kind::kObject;
    case Type::kUnsupported:
      return false;
  }
  return false;
}

std::vector<std::string> SplitCommas(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    out.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

std::string ParentOf(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

class Loader {
 public:
  explicit Loader(const std::vector<Option>& schema) : schema_(schema) {
    for (const Option& option : schema_) {
      for (std::string parent = ParentOf(option.path); !parent.empty(); parent = ParentOf(parent)) {
        sections_.insert(parent);
      }
      if (option.type == Type::kUnsupported) {
        continue;
      }
      values_.cells[option.path] = Empty(option.type);
      if (!option.default_value.empty()) {
        SIGNET_CHECK(SetText(option, option.default_value, "").empty(), option.path);
        values_.cells[option.path].given = false;
      }
    }
  }

  void ApplyFile(const std::string& name, std::string_view text) {
    file_ = name;
    JsonDocument document = ReadJson(text);
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
      const std::string problem = SetText(*option, flag.second, "-" + flag.first);
      if (!problem.empty()) {
        problems_.push_back("-" + flag.first + ": " + problem);
      }
    }
  }

  Result<Values> Finish(const Check& check) {
    for (const Option& option : schema_) {
      // A key that was set, but wrongly, has had its message.
      if (option.required && !values_.cells[option.path].given && seen_.count(option.path) == 0) {
        problems_.push_back((file_.empty() ? "" : file_ + ": ") + option.path +
                            ": is required; set it in the file" +
                            (option.flag.empty() ? "" : " or with -" + option.flag));
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
  static Values::Cell Empty(Type type) {
    Values::Cell cell{.type = type};
    if (type == Type::kInt || type == Type::kDuration) {
      cell.value = std::int64_t{0};
    } else if (type == Type::kBool || type == Type::kBlock) {
      cell.value = false;
    } else if (type == Type::kStringList) {
      cell.value = std::vector<std::string>{};
    }
    return cell;
  }

  std::string Place(int line) const { return file_ + ":" + std::to_string(line); }

  // ApplyItem returns "" or what is wrong with the item.
  std::string ApplyItem(const JsonItem& item) {
    if (item.path.empty() || (!skip_.empty() && item.path.starts_with(skip_ + "."))) {
      return "";
    }
    const auto option = std::find_if(schema_.begin(), schema_.end(),
                                     [&](const Option& o) { return o.path == item.path; });
    const bool section = sections_.count(item.path) != 0;
    if (option == schema_.end() && !section) {
      skip_ = item.path;
      return Unknown(item.path);
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
    if (!KindFits(option.type, item.kind)) {
      skip_ = item.kind == Kind::kObject ? item.path : skip_;
      return "expects " + std::string(Expected(option.type)) + ", found " +
             std::string(JsonKindName(item.kind));
    }
    if (option.type == Type::kBlock) {
      values_.cells[option.path] = {Type::kBlock, true, true, Place(item.line)};
      return "";
    }
    return option.type == Type::kStringList ? SetList(option, item.list, Place(item.line))
                                            : SetText(option, item.text, Place(item.line));
  }

  std::string Unknown(const std::string& path) const {
    const std::string parent = ParentOf(path);
    std::set<std::string> siblings;
    const auto add = [&](const std::string& known) {
      if (ParentOf(known) == parent) {
        siblings.insert(known.substr(parent.empty() ? 0 : parent.size() + 1));
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
    const std::string near = Nearest(path.substr(parent.empty() ? 0 : parent.size() + 1), names);
    if (!near.empty()) {
      return "unknown key; did you mean \"" + near + "\"?";
    }
    std::string text = "unknown key; known here:";
    for (const std::string& name : names) {
      text += (name == names.front() ? " " : ", ") + name;
    }
    return text;
  }

  std::string SetList(const Option& option, const std::vector<std::string>& list,
                      const std::string& place) {
    for (const std::string& item : list) {
      const std::string problem = option.validate ? option.validate(item) : "";
      if (!problem.empty()) {
        return problem;
      }
    }
    values_.cells[option.path] = {Type::kStringList, list, true, place};
    return "";
  }

  // SetText returns "" or what is wrong with the text.
  std::string SetText(const Option& option, const std::string& text, const std::string& place) {
    if (option.type == Type::kStringList) {
      return SetList(option, SplitCommas(text), place);
    }
    Values::Cell cell{.type = option.type, .value = text, .given = true, .place = place};
    if (option.type == Type::kInt) {
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
        return "\"" + text.substr(0, 64) + "\" is not a whole number";
      }
      cell.value = number;
    } else if (option.type == Type::kBool) {
      if (text != "true" && text != "false") {
        return "expects true or false";
      }
      cell.value = text == "true";
    } else if (option.type == Type::kDuration) {
      const Result<std::int64_t> duration = ParseDurationMs(text);
      if (!duration.ok()) {
        return duration.error().message;
      }
      cell.value = *duration;
    }
    const std::string problem = option.validate ? option.validate(text) : "";
    if (problem.empty()) {
      values_.cells[option.path] = std::move(cell);
    }
    return problem;
  }

  const std::vector<Option>& schema_;
  std::set<std::string> sections_;  // paths of objects that hold options
  std::set<std::string> seen_;      // options that the file has set, well or not
  std::string skip_;                // below this path nothing more is reported
  std::string file_;
  Values values_;
  std::vector<std::string> problems_;
};

}  // namespace

const Values::Cell& Values::At(std::string_view path, Type type) const {
  const auto found = cells.find(path);
  SIGNET_CHECK(found != cells.end(),
               "configuration key that the schema lacks: " + std::string(path));
  SIGNET_CHECK(found->second.type == type,
               "configuration key of another type: " + std::string(path));
  return found->second;
}

const std::string& Values::String(std::string_view path) const {
  return std::get<std::string>(At(path, Type::kString).value);
}
std::int64_t Values::Int(std::string_view path) const {
  return std::get<std::int64_t>(At(path, Type::kInt).value);
}
bool Values::Bool(std::string_view path) const {
  return std::get<bool>(At(path, Type::kBool).value);
}
std::int64_t Values::Milliseconds(std::string_view path) const {
  return std::get<std::int64_t>(At(path, Type::kDuration).value);
}
std::int64_t Values::Seconds(std::string_view path) const {
  return (Milliseconds(path) + 999) / 1000;
}
const std::vector<std::string>& Values::List(std::string_view path) const {
  return std::get<std::vector<std::string>>(At(path, Type::kStringList).value);
}
bool Values::Given(std::string_view path) const {
  const auto found = cells.find(path);
  SIGNET_CHECK(found != cells.end(),
               "configuration key that the schema lacks: " + std::string(path));
  return found->second.given;
}

Result<Values> LoadText(const std::vector<Option>& schema, const Source& source,
                        const std::map<std::string, std::string>& flags, const Check& check) {
  Loader loader(schema);
  if (!source.name.empty()) {
    loader.ApplyFile(source.name, source.text);
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
