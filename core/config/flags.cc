#include "core/config/flags.h"

#include <algorithm>

#include "core/config/schema.h"

namespace signet::config {
namespace {

struct Token {
  std::string name;
  std::string value;
  bool has_value = false;
};

// Split takes "-name", "--name" or "-name=value"; an empty name means it is no flag.
Token Split(std::string_view argument) {
  if (!argument.starts_with('-')) {
    return {};
  }
  argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
  const std::size_t equals = argument.find('=');
  if (equals == std::string_view::npos) {
    return {std::string(argument), "", false};
  }
  return {std::string(argument.substr(0, equals)), std::string(argument.substr(equals + 1)), true};
}

Error UnknownFlag(const std::string& name, const std::vector<Flag>& flags) {
  std::vector<std::string> names;
  for (const Flag& flag : flags) {
    names.push_back(flag.name);
  }
  const std::string near = Nearest(name, names);
  return InvalidArgument("unknown flag -" + name.substr(0, 64) +
                         (near.empty() ? "; see -help" : "; did you mean -" + near + "?"));
}

Error UnexpectedArgument(const std::string& argument, const std::string& after) {
  std::string text = "unexpected argument \"" + argument.substr(0, 64) + "\"";
  if (!after.empty()) {
    text += "; to give the switch -" + after + " a value write -" + after + "=true or =false";
  }
  return InvalidArgument(text);
}

}  // namespace

std::string FlagValues::Get(std::string_view name) const {
  const auto [first, last] = given.equal_range(name);
  if (first != last) {
    return std::prev(last)->second;
  }
  const auto found = defaults.find(name);
  SIGNET_CHECK(found != defaults.end(), "a flag that the command does not declare was read");
  return found->second;
}

std::vector<std::string> FlagValues::All(std::string_view name) const {
  std::vector<std::string> out;
  const auto [first, last] = given.equal_range(name);
  for (auto it = first; it != last; ++it) {
    out.push_back(it->second);
  }
  return out;
}

bool FlagValues::GetBool(std::string_view name) const { return Get(name) == "true"; }

bool FlagValues::Given(std::string_view name) const { return given.find(name) != given.end(); }

Result<FlagValues> ParseFlags(const std::vector<Flag>& flags,
                              const std::vector<std::string>& arguments) {
  FlagValues values;
  values.defaults.emplace("help", "false");
  for (const Flag& flag : flags) {
    values.defaults.emplace(
        flag.name, flag.boolean && flag.default_value.empty() ? "false" : flag.default_value);
  }
  std::string last_switch;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    Token token = Split(arguments[i]);
    if (token.name.empty()) {
      return UnexpectedArgument(arguments[i], last_switch);
    }
    if (token.name == "h" || token.name == "help") {
      values.given.emplace("help", "true");
      return values;
    }
    const auto flag = std::find_if(flags.begin(), flags.end(),
                                   [&](const Flag& f) { return f.name == token.name; });
    if (flag == flags.end()) {
      return UnknownFlag(token.name, flags);
    }
    last_switch = flag->boolean ? flag->name : "";
    if (flag->boolean) {
      const std::string value = token.has_value ? token.value : "true";
      if (value != "true" && value != "false") {
        return InvalidArgument("-" + flag->name + " is a switch: it takes =true or =false");
      }
      values.given.emplace(flag->name, value);
      continue;
    }
    if (!token.has_value) {
      if (++i == arguments.size()) {
        return InvalidArgument("-" + flag->name + " needs a value");
      }
      token.value = arguments[i];
    }
    values.given.emplace(flag->name, token.value);
  }
  return values;
}

std::string Usage(std::string_view command, std::string_view summary,
                  const std::vector<Flag>& flags) {
  std::string out = "Usage: " + std::string(command) + (flags.empty() ? "" : " [flags]") + "\n\n" +
                    std::string(summary) + "\n";
  if (!flags.empty()) {
    out += "\nFlags:\n";
  }
  for (const Flag& flag : flags) {
    out += "  -" + flag.name + (flag.boolean ? "" : " value") + "\n      " + flag.help;
    out += flag.repeated ? " (may be repeated)" : "";
    out += flag.default_value.empty() ? "" : " (default " + flag.default_value + ")";
    out += "\n";
  }
  return out;
}

}  // namespace signet::config
