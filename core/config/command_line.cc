#include "core/config/command_line.h"

#include <algorithm>
#include <ostream>

#include "core/config/schema.h"

namespace signet::config {
namespace {

bool IsHelp(const std::string& word) {
  return word == "-h" || word == "--h" || word == "-help" || word == "--help" || word == "help";
}

bool IsVersion(const std::string& word) {
  return word == "-version" || word == "--version" || word == "version" || word == "-v";
}

bool StartsWithWords(const std::string& name, const std::string& words) {
  return words.empty() || name == words || name.starts_with(words + " ");
}

// Overview lists the commands whose names begin with the given words.
std::string Overview(const Program& program, const std::string& words) {
  std::size_t width = 0;
  for (const Command& command : program.commands) {
    width = std::max(width, command.name.size());
  }
  std::string out =
      "Usage: " + program.name + (words.empty() ? "" : " " + words) + " <command> [flags]\n\n";
  for (const Command& command : program.commands) {
    if (StartsWithWords(command.name, words)) {
      out += "  " + command.name + std::string(width - command.name.size() + 2, ' ') +
             command.summary + "\n";
    }
  }
  return out + "\nEach command explains itself with -help.\n";
}

int UsageError(const Program& program, const std::string& typed, const std::string& known, Io& io) {
  std::vector<std::string> names;
  for (const Command& command : program.commands) {
    names.push_back(command.name);
  }
  const std::string near = Nearest(typed, names);
  io.err << "Error: unknown command \"" << typed.substr(0, 128) << "\""
         << (near.empty() ? "" : "; did you mean \"" + near + "\"?") << "\n\n"
         << Overview(program, known);
  return kExitUsage;
}

int RunCommand(const Program& program, const Command& command,
               const std::vector<std::string>& arguments, Io& io) {
  const Result<FlagValues> flags = ParseFlags(command.flags, arguments);
  if (!flags.ok()) {
    io.err << "Error: " << flags.error().message << "\n";
    return kExitUsage;
  }
  if (flags->GetBool("help")) {
    io.out << Usage(program.name + " " + command.name, command.summary, command.flags);
    return kExitOk;
  }
  const Status status = command.run(*flags, io);
  io.out.flush();
  if (!status.ok()) {
    io.err << "Error: " << status.error().message << "\n";
    return kExitFailed;
  }
  if (!io.out) {
    io.err << "Error: the output could not be written\n";
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace

int RunProgram(const Program& program, const std::vector<std::string>& arguments, Io& io) {
  if (!arguments.empty() && IsVersion(arguments.front())) {
    io.out << program.name << " " << program.version << "\n";
    return kExitOk;
  }
  std::string words;  // those that begin some command's name
  for (std::size_t i = 0; i <= arguments.size(); ++i) {
    const auto command = std::find_if(program.commands.begin(), program.commands.end(),
                                      [&](const Command& c) { return c.name == words; });
    if (command != program.commands.end()) {
      return RunCommand(program, *command,
                        {arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end()}, io);
    }
    if (i == arguments.size()) {
      break;
    }
    if (IsHelp(arguments[i])) {
      io.out << Overview(program, words);
      return kExitOk;
    }
    const std::string longer = words + (words.empty() ? "" : " ") + arguments[i];
    const bool known =
        std::any_of(program.commands.begin(), program.commands.end(),
                    [&](const Command& c) { return StartsWithWords(c.name, longer); });
    if (!known) {
      return UsageError(program, longer, words, io);
    }
    words = longer;
  }
  io.err << Overview(program, words);
  return kExitUsage;
}

std::string CommandReference(const Program& program) {
  std::string out;
  for (const Command& command : program.commands) {
    out += "### " + program.name + " " + command.name + "\n\n" + command.summary + "\n\n";
    if (command.flags.empty()) {
      continue;
    }
    out += "| flag | default | meaning |\n|---|---|---|\n";
    for (const Flag& flag : command.flags) {
      std::string help;
      for (const char c : flag.help) {
        help += c == '|' ? "\\|" : std::string(1, c);
      }
      out += "| `-" + flag.name + "`" + (flag.boolean ? " (switch)" : "") +
             (flag.repeated ? " (repeatable)" : "") + " | " +
             (flag.default_value.empty() ? "" : "`" + flag.default_value + "`") + " | " + help +
             " |\n";
    }
    out += "\n";
  }
  return out;
}

}  // namespace signet::config
