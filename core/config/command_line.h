#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/config/flags.h"

namespace signet::config {

/// Io is where a command reads and writes.
struct Io {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

/// Command is one verb of a program, e.g. "entry create".
struct Command {
  std::string name;
  std::string summary;
  std::vector<Flag> flags;
  std::function<Status(const FlagValues&, Io&)> run;
};

/// Program is a command line as a whole.
struct Program {
  std::string name;
  std::string version;
  std::vector<Command> commands;
};

/// Exit codes: the command did what was asked; it failed; the command line itself is wrong.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

/// RunProgram finds the command that the first words name and runs it. -h, -help and --help work on
/// every level, -version on the first. A failure is printed to io.err as "Error: …".
int RunProgram(const Program& program, const std::vector<std::string>& arguments, Io& io);

/// CommandReference renders every command and its flags as Markdown for docs/.
std::string CommandReference(const Program& program);

}  // namespace signet::config
