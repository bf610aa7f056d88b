#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace signet::reload {

/// PinnedProcess is the process that a pid file names, held by a pidfd: a signal reaches it or
/// nobody, even if its number is used again meanwhile.
class PinnedProcess {
 public:
  PinnedProcess(pid_t pid, UniqueFd fd) : pid_(pid), fd_(std::move(fd)) {}
  pid_t pid() const { return pid_; }
  Status Signal(int signal) const;

 private:
  pid_t pid_;
  UniqueFd fd_;
};

/// PinByPidFile reads a pid file as untrusted text and holds the process it names, if that can be
/// the one that the file was written for:
///  - the file is a regular one (no symbolic link), belongs to root, to us or to the process's own
///    user, and nobody else may write to it: who writes it chooses whom we signal;
///  - the process had started when the file was written. One that is younger got the number of a
///    server that is gone.
/// NOT_FOUND: no file. FAILED_PRECONDITION: everything else, with what to do.
Result<PinnedProcess> PinByPidFile(const std::string& path);

/// PinPostmaster does the same for the postmaster.pid of a PostgreSQL data folder, which also says
/// when its server started.
Result<PinnedProcess> PinPostmaster(const std::string& data_dir);

/// SignalNumber takes "HUP" or "SIGHUP", of the signals that servers give a meaning to: HUP, INT,
/// QUIT, TERM, USR1, USR2, WINCH.
std::optional<int> SignalNumber(std::string_view name);

}  // namespace signet::reload
