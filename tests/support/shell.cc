#include "tests/support/shell.h"

#include <array>
#include <cstdio>

#include "core/base/check.h"

namespace signet::test {

ShellOutput Shell(const std::string& command) {
  std::FILE* const pipe = ::popen(("{ " + command + "\n} 2>&1").c_str(), "re");
  SIGNET_CHECK(pipe != nullptr, "cannot start a shell");
  ShellOutput out;
  std::array<char, 4096> block{};
  while (const std::size_t n = std::fread(block.data(), 1, block.size(), pipe)) {
    out.text.append(block.data(), n);
  }
  out.status = ::pclose(pipe);
  return out;
}

}  // namespace signet::test
