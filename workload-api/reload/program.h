#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace signet::reload {

/// Program is a command to run: an absolute path and its arguments. There is no shell.
struct Program {
  std::vector<std::string> argv = {};
  std::string home = "/";  ///< HOME of the child; the rest of its environment is fixed
};

/// CheckProgram judges the words: an absolute path, at most 64 arguments of 4096 bytes, no NUL.
Status CheckProgram(const std::vector<std::string>& argv);

/// RunProgram runs it and gives the first kilobyte of what it printed, on one line and with nothing
/// that a terminal would obey. The child gets no descriptor of ours, a small environment (PATH,
/// HOME, LC_ALL), "/" as its folder, default signals, and ends when we do. FAILED_PRECONDITION: it
/// could not be started or said no, with what it printed; DEADLINE_EXCEEDED: it and the processes
/// it started were killed. What it leaves running when it ends well is let be: it may be the
/// server.
Result<std::string> RunProgram(const Program& program, Duration timeout);

}  // namespace signet::reload
