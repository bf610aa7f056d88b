#include "workload-api/cmd/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>

#include "core/base/files.h"
#include "core/base/unique_fd.h"

namespace signet::agent_cmd {
namespace {

constexpr int kEndMs = 10'000;

Result<std::string> FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    return name;
  }
  const char* const variable = std::getenv("PATH");
  const std::string path = variable == nullptr ? "/usr/bin:/bin" : variable;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    const std::string candidate = path.substr(at, end - at) + "/" + name;
    if (candidate.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    at = end + 1;
  }
  return FailedPrecondition("there is no program \"" + name + "\" in PATH");
}

/// Become runs in the child, where only async-signal-safe calls are allowed.
[[noreturn]] void Become(const char* program, char* const* arguments, mode_t mask, int failure) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) {
    std::signal(number, SIG_DFL);
  }
  ::umask(mask);
  (void)::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execve(program, arguments, environ);
  const int error = errno;
  (void)!::write(failure, &error, sizeof(error));
  ::_exit(127);
}

class ChildAction final : public reload::Action {
 public:
  explicit ChildAction(ChildSpec spec) : spec_(std::move(spec)) {}
  ~ChildAction() override {
    if (!Running()) {
      return;
    }
    ::kill(*pid_, SIGTERM);
    const UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, *pid_, 0)));
    pollfd ended{fd.get(), POLLIN, 0};
    (void)::poll(&ended, 1, kEndMs);
    (void)Running();  // takes the program's exit code, if it has ended
  }

  Status Run(const Files&, Duration) override {
    if (!Running()) {
      return Start();
    }
    if (spec_.signal != 0 && ::kill(*pid_, spec_.signal) != 0) {
      return Internal("cannot signal " + spec_.command[0] + ": " + ErrnoText(errno));
    }
    return {};
  }

  std::string Describe() const override {
    return spec_.command[0] + (pid_ ? ", pid " + std::to_string(*pid_) : "");
  }

 private:
  /// Running also takes the exit code of a program that has ended. Until then its pid is its own.
  bool Running() {
    if (pid_ && ::waitpid(*pid_, nullptr, WNOHANG) == *pid_) {
      pid_.reset();
    }
    return pid_.has_value();
  }

  Status Start() {
    SIGNET_TRY_ASSIGN(const std::string program, FindProgram(spec_.command[0]));
    std::vector<char*> arguments;
    for (std::string& argument : spec_.command) {
      arguments.push_back(argument.data());
    }
    arguments.push_back(nullptr);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      return Internal("cannot make a pipe: " + ErrnoText(errno));
    }
    const UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    const pid_t pid = ::fork();
    if (pid == 0) {
      Become(program.c_str(), arguments.data(), spec_.umask, write_end.get());
    }
    write_end = UniqueFd();
    if (pid < 0) {
      return ResourceExhausted("cannot start a process: " + ErrnoText(errno));
    }
    pid_ = pid;
    int error = 0;
    if (::read(read_end.get(), &error, sizeof(error)) > 0) {
      (void)::waitpid(pid, nullptr, 0);
      pid_.reset();
      return FailedPrecondition("cannot run " + program + ": " + ErrnoText(error));
    }
    return {};
  }

  ChildSpec spec_;
  std::optional<pid_t> pid_;
};

}  // namespace

std::unique_ptr<reload::Action> MakeChildAction(ChildSpec spec) {
  return std::make_unique<ChildAction>(std::move(spec));
}

}  // namespace signet::agent_cmd
