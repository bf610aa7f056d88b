#include "workload-api/reload/pid_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <utility>

#include "core/base/files.h"

namespace signet::reload {
namespace {

constexpr std::size_t kMaxPidFile = 4096;
// The clock ticks of /proc, the file system's coarse clock, and a leap second.
constexpr Duration kClockSlack = std::chrono::milliseconds(1100);

struct PidFile {
  std::string path;
  std::string text;
  struct stat info {};
};

struct ProcessFacts {
  uid_t uid = 0;
  gid_t gid = 0;
  bool zombie = false;
  Duration since_boot{};  // its start
};

template <class Number>
std::optional<Number> NumberIn(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::string_view Line(std::string_view text, int index) {
  for (; index > 0; --index) {
    const std::size_t end = text.find('\n');
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  const std::size_t first = text.find_first_not_of(" \t\r");
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

Error OpenFailure(const std::string& path, int error) {
  if (error == ENOENT) {
    return NotFound("there is no pid file " + path +
                    ": the server may not run yet, or writes its pid file elsewhere");
  }
  if (error == ELOOP) {
    return FailedPrecondition(path + " is a symbolic link: name the pid file itself");
  }
  return FailedPrecondition("cannot open the pid file " + path + ": " + ErrnoText(error));
}

Result<PidFile> ReadPidFile(const std::string& path) {
  PidFile file{path, {}, {}};
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (!fd) {
    return OpenFailure(path, errno);
  }
  if (::fstat(fd.get(), &file.info) != 0 || !S_ISREG(file.info.st_mode)) {
    return FailedPrecondition(path + " is not a regular file, so it is no pid file");
  }
  std::array<char, kMaxPidFile> block{};
  const ssize_t n = ::read(fd.get(), block.data(), block.size());
  if (n < 0) {
    return OpenFailure(path, errno);
  }
  file.text.assign(block.data(), static_cast<std::size_t>(n));
  return file;
}

Result<pid_t> PidIn(const PidFile& file) {
  const auto pid = NumberIn<pid_t>(Line(file.text, 0));
  if (!pid || *pid <= 0) {
    return FailedPrecondition("the pid file " + file.path +
                              " does not begin with a process's number: is it the right file?");
  }
  if (*pid == 1 || *pid == ::getpid()) {
    return FailedPrecondition("the pid file " + file.path + " names process " +
                              std::to_string(*pid) + ", which is " +
                              (*pid == 1 ? "the init process" : "this program itself") +
                              " and is never signalled: is it the right file?");
  }
  return *pid;
}

// A line of /proc/<pid>/status, e.g. "Uid:\t0\t0\t0\t0": its first number, the real id.
template <class Number>
std::optional<Number> StatusNumber(std::string_view status, std::string_view key) {
  const std::size_t at = status.find("\n" + std::string(key) + ":\t");
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view rest = status.substr(at + key.size() + 3);
  return NumberIn<Number>(rest.substr(0, rest.find_first_of("\t\n")));
}

// proc(5): the command in parentheses may hold anything, so fields are counted from the last ')'.
// Field 3 is the state, field 22 the start in clock ticks after boot.
std::optional<ProcessFacts> FactsOf(std::string_view stat, std::string_view status) {
  const std::size_t close = stat.rfind(") ");
  if (close == std::string_view::npos || close + 2 >= stat.size()) {
    return std::nullopt;
  }
  std::string_view rest = stat.substr(close + 2);
  const char state = rest.front();
  for (int field = 3; field < 22; ++field) {
    const std::size_t space = rest.find(' ');
    rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  }
  const auto ticks = NumberIn<std::int64_t>(rest.substr(0, rest.find(' ')));
  const auto uid = StatusNumber<uid_t>(status, "Uid");
  const auto gid = StatusNumber<gid_t>(status, "Gid");
  if (!ticks || !uid || !gid) {
    return std::nullopt;
  }
  const Duration tick = std::chrono::nanoseconds(1'000'000'000 / ::sysconf(_SC_CLK_TCK));
  return ProcessFacts{*uid, *gid, state == 'Z' || state == 'X', *ticks * tick};
}

Duration ReadClock(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// Boot time moves when the wall clock is set; that is why it is read anew for each judgement.
Duration StartSinceEpoch(const ProcessFacts& facts) {
  return ReadClock(CLOCK_REALTIME) - ReadClock(CLOCK_BOOTTIME) + facts.since_boot;
}

Error NotRunning(const PidFile& file, pid_t pid) {
  return FailedPrecondition("the pid file " + file.path + " names process " + std::to_string(pid) +
                            ", which does not run: the server has ended without removing it");
}

Result<ProcessFacts> ReadFacts(const PidFile& file, pid_t pid) {
  const std::string proc = "/proc/" + std::to_string(pid);
  const auto stat = ReadFile(proc + "/stat", 4096);
  const auto status = ReadFile(proc + "/status", 16384);
  if (stat.code() == Code::kNotFound || status.code() == Code::kNotFound) {
    return NotRunning(file, pid);
  }
  const auto facts = stat.ok() && status.ok() ? FactsOf(AsText(*stat), AsText(*status))
                                              : std::optional<ProcessFacts>();
  if (!facts) {
    return FailedPrecondition("cannot see in " + proc +
                              " when the process started, so it is not signalled");
  }
  if (facts->zombie) {
    return NotRunning(file, pid);
  }
  return *facts;
}

Status CheckWriters(const PidFile& file, const ProcessFacts& facts) {
  const uid_t owner = file.info.st_uid;
  if (owner != 0 && owner != ::geteuid() && owner != facts.uid) {
    return FailedPrecondition("the pid file " + file.path + " belongs to user id " +
                              std::to_string(owner) + ", the process that it names to user id " +
                              std::to_string(facts.uid) +
                              ": whoever wrote it has no say over that process");
  }
  const bool group_writes = (file.info.st_mode & S_IWGRP) != 0;
  const bool group_is_foreign = file.info.st_gid != 0 && file.info.st_gid != facts.gid;
  if ((file.info.st_mode & S_IWOTH) != 0 || (group_writes && group_is_foreign)) {
    return FailedPrecondition("others may write to the pid file " + file.path +
                              ", and so choose who is signalled; run: chmod go-w " + file.path);
  }
  return {};
}

Error AnotherStart(const PidFile& file, pid_t pid, std::string_view when) {
  return FailedPrecondition("the pid file " + file.path + " names process " + std::to_string(pid) +
                            ", which started " + std::string(when) +
                            ": the number was used again, or the clock was set. It is not "
                            "signalled; restart the server so that it writes the file anew");
}

// Opens the process first and reads about it afterwards: if the number changed hands in between,
// the facts are those of a younger process and are refused, or the pidfd's process is gone.
Result<PinnedProcess> Pin(const PidFile& file, ProcessFacts& facts) {
  SIGNET_TRY_ASSIGN(const pid_t pid, PidIn(file));
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) {
    return errno == ESRCH ? NotRunning(file, pid)
                          : FailedPrecondition("cannot hold process " + std::to_string(pid) +
                                               " of " + file.path + ": " + ErrnoText(errno));
  }
  SIGNET_TRY_ASSIGN(facts, ReadFacts(file, pid));
  SIGNET_TRY(CheckWriters(file, facts));
  const Duration written = std::chrono::seconds(file.info.st_mtim.tv_sec) +
                           std::chrono::nanoseconds(file.info.st_mtim.tv_nsec);
  if (StartSinceEpoch(facts) > written + kClockSlack) {
    return AnotherStart(file, pid, "after the file was written");
  }
  return PinnedProcess(pid, std::move(fd));
}

}  // namespace

Status PinnedProcess::Signal(int signal) const {
  if (::syscall(SYS_pidfd_send_signal, fd_.get(), signal, nullptr, 0) == 0) {
    return {};
  }
  const std::string process = "process " + std::to_string(pid_);
  if (errno == EPERM) {
    return PermissionDenied("may not signal " + process +
                            ": run this program as root or as the server's user");
  }
  return FailedPrecondition(process + " cannot be signalled: " + ErrnoText(errno));
}

Result<PinnedProcess> PinByPidFile(const std::string& path) {
  SIGNET_TRY_ASSIGN(const PidFile file, ReadPidFile(path));
  ProcessFacts facts;
  return Pin(file, facts);
}

Result<PinnedProcess> PinPostmaster(const std::string& data_dir) {
  SIGNET_TRY_ASSIGN(const PidFile file, ReadPidFile(data_dir + "/postmaster.pid"));
  ProcessFacts facts;
  SIGNET_TRY_ASSIGN(PinnedProcess process, Pin(file, facts));
  // The server rewrites its file while it runs, so the file's own time says little. Line 3 is the
  // second in which it started, taken just after the process began.
  const auto started = NumberIn<std::int64_t>(Line(file.text, 2));
  if (!started) {
    return FailedPrecondition(file.path +
                              " has no start time in its third line: is this PostgreSQL's folder?");
  }
  if (StartSinceEpoch(facts) >
      std::chrono::seconds(*started) + std::chrono::seconds(1) + kClockSlack) {
    return AnotherStart(file, process.pid(), "later than the file says");
  }
  return process;
}

std::optional<int> SignalNumber(std::string_view name) {
  static constexpr std::pair<std::string_view, int> kSignals[] = {
      {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},  {"TERM", SIGTERM},
      {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"WINCH", SIGWINCH}};
  if (name.starts_with("SIG")) {
    name.remove_prefix(3);
  }
  for (const auto& [known, number] : kSignals) {
    if (known == name) {
      return number;
    }
  }
  return std::nullopt;
}

}  // namespace signet::reload
