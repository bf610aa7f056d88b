#include "core/config/cell.h"

#include <algorithm>
#include <charconv>

namespace signet::config {
namespace {

using Kind = JsonItem::Kind;

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
    case Type::kIgnored:
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
    case Type::kIgnored:
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

/// ParseValue fills a cell from text, unchecked by the option's own check.
Status ParseValue(Values::Cell& cell, const std::string& text) {
  if (cell.type == Type::kInt) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
      return InvalidArgument("\"" + text.substr(0, 64) + "\" is not a whole number");
    }
    cell.value = number;
  } else if (cell.type == Type::kBool) {
    if (text != "true" && text != "false") {
      return InvalidArgument("expects true or false");
    }
    cell.value = text == "true";
  } else if (cell.type == Type::kDuration) {
    SIGNET_TRY_ASSIGN(cell.value, ParseDurationMs(text));
  }
  return {};
}

}  // namespace

Values::Cell EmptyCell(Type type) {
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

Result<Values::Cell> ParseCell(const Option& option, const std::string& text,
                               const std::string& place) {
  if (option.type == Type::kStringList) {
    return ParseListCell(option, SplitCommas(text), place);
  }
  Values::Cell cell{.type = option.type, .value = text, .given = true, .place = place};
  SIGNET_TRY(ParseValue(cell, text));
  const std::string problem = option.validate ? option.validate(text) : "";
  if (!problem.empty()) {
    return InvalidArgument(problem);
  }
  return cell;
}

Result<Values::Cell> ParseListCell(const Option& option, const std::vector<std::string>& list,
                                   const std::string& place) {
  for (const std::string& item : list) {
    const std::string problem = option.validate ? option.validate(item) : "";
    if (!problem.empty()) {
      return InvalidArgument(problem);
    }
  }
  return Values::Cell{Type::kStringList, list, true, place};
}

std::string KindProblem(Type type, JsonItem::Kind kind) {
  return KindFits(type, kind) ? ""
                              : "expects " + std::string(Expected(type)) + ", found " +
                                    std::string(JsonKindName(kind));
}

}  // namespace signet::config
