#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace example {

/// Flags holds "-name value" pairs; it starts with the defaults, which are also the list of what is
/// known.
class Flags {
 public:
  /// Ends the program with the usage text on a flag that is not known or has no value.
  Flags(int argc, char** argv, std::map<std::string, std::string> defaults);

  const std::string& Get(const std::string& name) const { return values_.at(name); }
  /// OneOf is Get for a flag of few values; ends the program on another one.
  const std::string& OneOf(const std::string& name, const std::vector<std::string>& values) const;
  /// Time reads "50ms", "8s" or "2m"; ends the program on anything else.
  std::chrono::milliseconds Time(const std::string& name) const;

 private:
  [[noreturn]] void Usage(const std::string& problem) const;
  std::string program_;
  std::map<std::string, std::string> values_;
};

}  // namespace example
