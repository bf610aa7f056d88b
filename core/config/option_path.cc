#include "core/config/option_path.h"

#include <algorithm>

namespace signet::config {
namespace {

/// KeyEnd is where the first key of a path ends. A quote that is never closed is an ordinary
/// character.
std::size_t KeyEnd(std::string_view path) {
  if (path.starts_with('"')) {
    const std::size_t closed = path.find("\".", 1);
    if (closed != std::string_view::npos) {
      return closed + 1;
    }
    if (path.size() > 1 && path.ends_with('"')) {
      return path.size();
    }
  }
  return std::min(path.find('.'), path.size());
}

}  // namespace

std::string KeyOf(const std::string& name) {
  const bool plain = !name.empty() && name.find('.') == std::string::npos;
  return plain ? name : "\"" + name + "\"";
}

std::string NameOf(std::string_view key) {
  const bool quoted = key.size() >= 2 && key.starts_with('"') && key.ends_with('"');
  return std::string(quoted ? key.substr(1, key.size() - 2) : key);
}

std::vector<std::string> SplitPath(std::string_view path) {
  std::vector<std::string> keys;
  while (!path.empty()) {
    const std::size_t end = KeyEnd(path);
    keys.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return keys;
}

std::string JoinPath(std::string_view parent, std::string_view key) {
  return parent.empty() ? std::string(key) : std::string(parent) + "." + std::string(key);
}

std::pair<std::string, std::string> SplitLast(std::string_view path) {
  std::vector<std::string> keys = SplitPath(path);
  std::pair<std::string, std::string> split;
  if (!keys.empty()) {
    split.second = std::move(keys.back());
    keys.pop_back();
  }
  for (const std::string& key : keys) {
    split.first = JoinPath(split.first, key);
  }
  return split;
}

std::pair<std::string, std::string> SplitWildcard(std::string_view path) {
  std::size_t at = path.find(".*.");
  if (at == std::string_view::npos) {
    at = path.ends_with(".*") ? path.size() - 2 : 0;
  }
  return at == 0 ? std::pair<std::string, std::string>{}
                 : std::pair<std::string, std::string>{path.substr(0, at), path.substr(at + 2)};
}

}  // namespace signet::config
