#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signet::config {

// A path is keys joined by '.'; a key that has a '.' itself, or nothing, stands in quotes. In a
// schema the key "*" stands for any name that the file chooses (see Option::path).

/// KeyOf is a name as a path's key.
std::string KeyOf(const std::string& name);
/// NameOf is KeyOf's inverse.
std::string NameOf(std::string_view key);

std::vector<std::string> SplitPath(std::string_view path);
/// JoinPath: an empty parent gives the key alone.
std::string JoinPath(std::string_view parent, std::string_view key);

/// SplitLast gives a path's parent ("" at the top) and its last key.
std::pair<std::string, std::string> SplitLast(std::string_view path);

/// SplitWildcard gives what stands before and after the first "*" of a schema's path ("a.b", ".c"
/// of "a.b.*.c"), or an empty first part if there is none.
std::pair<std::string, std::string> SplitWildcard(std::string_view path);

}  // namespace signet::config
