#include "examples/mtls/flags.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <utility>

namespace example {

Flags::Flags(int argc, char** argv, std::map<std::string, std::string> defaults)
    : program_(argv[0]), values_(std::move(defaults)) {
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    const auto known = values_.find(std::string(flag.substr(flag.find_first_not_of('-'))));
    if (!flag.starts_with('-') || known == values_.end()) {
      Usage("unknown flag " + std::string(flag));
    }
    if (i + 1 == argc) {
      Usage(std::string(flag) + " needs a value");
    }
    known->second = argv[i + 1];
  }
}

const std::string& Flags::OneOf(const std::string& name,
                                const std::vector<std::string>& values) const {
  const std::string& value = Get(name);
  if (std::find(values.begin(), values.end(), value) == values.end()) {
    Usage("-" + name + " " + value + " is not known");
  }
  return value;
}

std::chrono::milliseconds Flags::Time(const std::string& name) const {
  const std::string& text = Get(name);
  long count = 0;
  const auto [unit, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::map<std::string_view, long> units = {{"ms", 1}, {"s", 1000}, {"m", 60'000}};
  const auto found = units.find(unit);
  if (error != std::errc() || count < 0 || count > 1'000'000 || found == units.end()) {
    Usage("-" + name + " " + text + ": write a time like 50ms, 8s or 2m");
  }
  return std::chrono::milliseconds(count * found->second);
}

void Flags::Usage(const std::string& problem) const {
  std::cerr << program_ << ": " << problem << "\nflags (with defaults):\n";
  for (const auto& [name, value] : values_) {
    std::cerr << "  -" << name << " " << (value.empty() ? "\"\"" : value) << "\n";
  }
  std::exit(2);
}

}  // namespace example
