#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace signet::config {

/// Environment is what the default places depend on; handed in, so that tests choose it.
struct Environment {
  std::uint32_t uid = 0;
  std::string runtime_dir = {};  ///< XDG_RUNTIME_DIR
  std::string state_home = {};   ///< XDG_STATE_HOME
  std::string home = {};         ///< HOME

  static Environment OfThisProcess();
};

/// DefaultSocketPath is where a program ("server" or "agent") listens unless told otherwise: as
/// root /run/signet/<program>/api.sock, else below $XDG_RUNTIME_DIR. FAILED_PRECONDITION without
/// that variable: a folder that others may write in, such as /tmp, is no place for the socket of an
/// authority.
Result<std::string> DefaultSocketPath(std::string_view program, const Environment& environment);

/// DefaultDataDir is where a program keeps its state: as root /var/lib/signet/<program>, else below
/// $XDG_STATE_HOME, else below ~/.local/state.
Result<std::string> DefaultDataDir(std::string_view program, const Environment& environment);

/// CheckSocketPath returns "" or why a path cannot name a Unix socket: it must be absolute and fit
/// the kernel's 107 bytes.
std::string CheckSocketPath(const std::string& path);

}  // namespace signet::config
