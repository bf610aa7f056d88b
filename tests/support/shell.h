#pragma once

#include <string>

namespace signet::test {

/// ShellOutput is what became of a command: what it printed, errors included, and wait()'s status.
struct ShellOutput {
  int status = 0;
  std::string text;
};

/// Shell runs a command by /bin/sh to its end; for other people's programs that judge our output.
ShellOutput Shell(const std::string& command);

}  // namespace signet::test
