#include "workload-api/reload/program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "core/base/files.h"
#include "core/base/unique_fd.h"
#include "workload-api/reload/kinds.h"
#include "workload-api/reload/stream.h"

namespace signet::reload {
namespace {

constexpr std::size_t kMaxOutput = 1024;
constexpr std::size_t kMaxArguments = 64;
constexpr std::size_t kMaxArgument = 4096;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) {
    return Internal("cannot make a pipe: " + ErrnoText(errno));
  }
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Who may change the program decides what runs with our rights.
Status CheckExecutable(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return FailedPrecondition("cannot run " + path + ": " + ErrnoText(errno));
  }
  if (!S_ISREG(info.st_mode) || ::access(path.c_str(), X_OK) != 0) {
    return FailedPrecondition("cannot run " + path + ": it is not an executable file");
  }
  if ((info.st_mode & S_IWOTH) != 0) {
    return FailedPrecondition("will not run " + path +
                              ": everybody may write to it; run: chmod o-w " + path);
  }
  return {};
}

// What the child needs, made before fork: afterwards only async-signal-safe calls are allowed.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<char*> environment;
  pid_t parent = 0;
  int output = -1;
  int failure = -1;
};

[[noreturn]] void FailChild(int failure) {
  const int error = errno;
  [[maybe_unused]] const ssize_t n = ::write(failure, &error, sizeof error);
  ::_exit(127);
}

void ResetSignals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) {
    std::signal(number, SIG_DFL);
  }
}

// The descriptors end as 0 /dev/null, 1 and 2 the output, 3 the report of a failed start.
[[noreturn]] void RunChild(const ChildPlan& plan) {
  int failure = plan.failure;
  if (::setpgid(0, 0) != 0 || ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::chdir("/") != 0) {
    FailChild(failure);
  }
  if (::getppid() != plan.parent) {
    ::_exit(127);  // it ended before the line above took effect
  }
  ResetSignals();
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  // Copies above what is about to be replaced, since any of them may be 0 to 3 itself.
  const int from_null = ::fcntl(null, F_DUPFD_CLOEXEC, 10);
  const int from_output = ::fcntl(plan.output, F_DUPFD_CLOEXEC, 10);
  failure = ::fcntl(failure, F_DUPFD_CLOEXEC, 10);
  if (from_null < 0 || from_output < 0 || failure < 0 || ::dup2(from_null, 0) < 0 ||
      ::dup2(from_output, 1) < 0 || ::dup2(from_output, 2) < 0 ||
      ::dup3(failure, 3, O_CLOEXEC) < 0 || ::close_range(4, ~0U, 0) != 0) {
    FailChild(failure);
  }
  ::execve(plan.argv[0], plan.argv.data(), plan.environment.data());
  FailChild(3);
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

// Child is a started process that has not been waited for. Its group is killed if it still runs.
class Child {
 public:
  Child(pid_t pid, UniqueFd output)
      : pid_(pid),
        fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
        output_(std::move(output)) {}
  Child(Child&&) = delete;
  ~Child() {
    if (pid_ > 0) {
      ::kill(-pid_, SIGKILL);
      Wait();
    }
  }
  int fd() const { return fd_.get(); }
  int output() const { return output_.get(); }
  int Wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
  UniqueFd fd_;
  UniqueFd output_;
};

// Reads what is there, keeps the beginning. False at the end of the output.
bool Drain(int fd, std::string& kept) {
  std::array<char, 4096> block;
  for (;;) {
    const ssize_t n = ::read(fd, block.data(), block.size());
    if (n > 0) {
      const std::size_t room = kMaxOutput - std::min(kMaxOutput, kept.size());
      kept.append(block.data(), std::min(room, static_cast<std::size_t>(n)));
    } else if (n == 0 || errno != EINTR) {
      return n != 0;
    }
  }
}

// True when the process has ended, false when the deadline came first.
bool AwaitEnd(const Child& child, Deadline deadline, std::string& output) {
  bool open = true;
  for (;;) {
    pollfd ready[2] = {{child.fd(), POLLIN, 0}, {open ? child.output() : -1, POLLIN, 0}};
    const int n = ::poll(ready, 2, deadline.Left());
    if (n == 0) {
      return false;
    }
    if (n > 0 && ready[1].revents != 0) {
      open = Drain(child.output(), output);
    }
    if (n > 0 && ready[0].revents != 0) {
      Drain(child.output(), output);
      return true;
    }
  }
}

// Whatever a program prints goes into logs and terminals: one line of printable text, and nothing
// of it if it looks like a key.
std::string ForPeople(const std::string& output) {
  if (output.find("PRIVATE KEY") != std::string::npos) {
    return "(output withheld: it holds a private key)";
  }
  return OneLine(output, kMaxOutput);
}

Error Refused(const std::string& path, int status, const std::string& output) {
  const std::string how = WIFEXITED(status)
                              ? " ended with status " + std::to_string(WEXITSTATUS(status))
                              : " was killed by signal " + std::to_string(WTERMSIG(status));
  return FailedPrecondition(path + how + (output.empty() ? ", printing nothing" : ": " + output));
}

// The errno of a child that could not become the program, or 0.
int ReadFailure(int fd) {
  int error = 0;
  ssize_t n = 0;
  do {
    n = ::read(fd, &error, sizeof error);
  } while (n < 0 && errno == EINTR);
  return n == sizeof error ? error : 0;
}

}  // namespace

Status CheckProgram(const std::vector<std::string>& argv) {
  if (argv.empty() || !argv[0].starts_with('/')) {
    return InvalidArgument(
        "a program is named by its absolute path, with its arguments as further "
        "words; there is no shell and no PATH");
  }
  if (argv.size() > kMaxArguments) {
    return InvalidArgument("a program takes at most " + std::to_string(kMaxArguments) + " words");
  }
  for (const std::string& word : argv) {
    if (word.size() > kMaxArgument || word.find('\0') != std::string::npos) {
      return InvalidArgument("a word of the program " + argv[0] + " is longer than " +
                             std::to_string(kMaxArgument) + " bytes or has a NUL in it");
    }
  }
  return {};
}

Result<std::string> RunProgram(const Program& program, Duration timeout) {
  SIGNET_TRY(CheckProgram(program.argv));
  const std::string& path = program.argv[0];
  SIGNET_TRY(CheckExecutable(path));
  const Deadline deadline = Deadline::In(timeout);
  SIGNET_TRY_ASSIGN(Pipe output, MakePipe());
  SIGNET_TRY_ASSIGN(Pipe failure, MakePipe());
  ::fcntl(output.read.get(), F_SETFL, O_NONBLOCK);

  std::vector<std::string> argv = program.argv;
  std::vector<std::string> environment = {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
      "HOME=" + program.home};
  const ChildPlan plan{Pointers(argv), Pointers(environment), ::getpid(), output.write.get(),
                       failure.write.get()};
  const pid_t pid = ::fork();
  if (pid < 0) {
    return Internal("cannot start " + path + ": " + ErrnoText(errno));
  }
  if (pid == 0) {
    RunChild(plan);
  }
  Child child(pid, std::move(output.read));
  output.write.Reset();
  failure.write.Reset();
  if (const int error = ReadFailure(failure.read.get()); error != 0) {
    return FailedPrecondition("cannot run " + path + ": " + ErrnoText(error));
  }
  if (child.fd() < 0) {
    return Internal("cannot watch " + path + ": too many open files");
  }
  std::string printed;
  if (!AwaitEnd(child, deadline, printed)) {
    return Error{Code::kDeadlineExceeded,
                 path + " did not end in time and was killed: " + ForPeople(printed)};
  }
  const int status = child.Wait();
  printed = ForPeople(printed);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Refused(path, status, printed);
  }
  return printed;
}

}  // namespace signet::reload
