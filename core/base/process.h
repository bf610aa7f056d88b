#pragma once

#include "core/base/result.h"

namespace signet {

/// HardenProcess prepares a service that holds keys: files it makes are its own (umask 0077), no core dumps, no
/// debugger or reader of its memory by the same user (not dumpable), no privileges gained by exec. Call it first in
/// main, before any thread.
Status HardenProcess();

/// BlockStopSignals keeps SIGTERM and SIGINT pending in this thread and those it starts, for WaitForStopSignal, and
/// ignores SIGPIPE and SIGXFSZ. Call it before any thread starts.
void BlockStopSignals();

/// WaitForStopSignal returns the number of the next SIGTERM or SIGINT. Only after BlockStopSignals.
int WaitForStopSignal();

}  // namespace signet
