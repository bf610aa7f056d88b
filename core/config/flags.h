#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace signet::config {

/// Flag is one command line flag, spelled as SPIRE does, with one dash or two: -flag value,
/// -flag=value; booleans may stand alone.
struct Flag {
  std::string name;
  std::string help;
  std::string default_value = {};
  bool boolean = false;
  bool repeated = false;
};

/// FlagValues holds what a command line gave, with defaults filled in.
class FlagValues {
 public:
  std::string Get(std::string_view name) const;               ///< last one given, or the default
  std::vector<std::string> All(std::string_view name) const;  ///< every one given
  bool GetBool(std::string_view name) const;
  bool Given(std::string_view name) const;
  std::multimap<std::string, std::string, std::less<>> given;
  std::map<std::string, std::string, std::less<>> defaults;
};

/// ParseFlags reads arguments. INVALID_ARGUMENT names the unknown flag and, if one is near, the
/// flag that was meant. "-h" and "-help" are always known and come out as GetBool("help"); the rest
/// of the line is then not judged.
Result<FlagValues> ParseFlags(const std::vector<Flag>& flags,
                              const std::vector<std::string>& arguments);

/// Usage renders the help of one command.
std::string Usage(std::string_view command, std::string_view summary,
                  const std::vector<Flag>& flags);

}  // namespace signet::config
