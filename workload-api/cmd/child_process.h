#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "workload-api/reload/action.h"

namespace signet::agent_cmd {

/// ChildSpec is a program that is started after the first delivery, and signalled after later ones.
struct ChildSpec {
  std::vector<std::string> command;  ///< found in PATH if it has no '/'
  int signal = 0;                    ///< 0: later deliveries change nothing
  mode_t umask = 022;                ///< of the program
};

/// MakeChildAction starts the program at the first Run, and again at a Run after it has ended. The
/// program has our environment, standard output and error, and no other descriptors. When the
/// action ends, the program is asked to end as well (SIGTERM) and waited for, 10 s at most.
std::unique_ptr<reload::Action> MakeChildAction(ChildSpec spec);

}  // namespace signet::agent_cmd
