// The kinds that signal a process: signal, and postgresql, which finds it in its own way.
#include <csignal>

#include "workload-api/reload/kinds.h"
#include "workload-api/reload/pid_file.h"

namespace signet::reload {
namespace {

class SignalAction final : public Action {
 public:
  SignalAction(std::string pid_file, int signal, std::string name)
      : pid_file_(std::move(pid_file)), signal_(signal), name_(std::move(name)) {}

  Status Run(const Files&, Duration) override {
    SIGNET_TRY_ASSIGN(const PinnedProcess process, PinByPidFile(pid_file_));
    return process.Signal(signal_);
  }
  std::string Describe() const override { return name_ + " to the process of " + pid_file_; }

 private:
  std::string pid_file_;
  int signal_;
  std::string name_;
};

class PostgresqlAction final : public Action {
 public:
  explicit PostgresqlAction(std::string data_dir) : data_dir_(std::move(data_dir)) {}

  Status Run(const Files&, Duration) override {
    SIGNET_TRY_ASSIGN(const PinnedProcess process, PinPostmaster(data_dir_));
    return process.Signal(SIGHUP);
  }
  std::string Describe() const override { return "reload of PostgreSQL in " + data_dir_; }

 private:
  std::string data_dir_;
};

}  // namespace

MadeAction MakeSignalAction(const ActionSpec& spec) {
  SIGNET_TRY(CheckAbsolutePath("pid_file", spec.pid_file));
  const std::string name = spec.signal.empty() ? "HUP" : spec.signal;
  const auto number = SignalNumber(name);
  if (!number) {
    return InvalidArgument("\"" + name +
                           "\" is no signal that a server reloads by; there are: HUP, INT, QUIT, "
                           "TERM, USR1, USR2, WINCH");
  }
  return Made<SignalAction>(spec.pid_file, *number, name.starts_with("SIG") ? name : "SIG" + name);
}

MadeAction MakePostgresqlAction(const ActionSpec& spec) {
  SIGNET_TRY(CheckAbsolutePath("data_dir", spec.data_dir));
  return Made<PostgresqlAction>(spec.data_dir);
}

}  // namespace signet::reload
