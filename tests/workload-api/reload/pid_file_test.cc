#include "workload-api/reload/pid_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/support/kubernetes/process.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "workload-api/reload/action.h"

using namespace signet;
using namespace signet::reload;
using test::Child;
using test::WriteWholeFile;

namespace {

// A process that ends at HUP, like any program that does not care for it.
struct Sleeper {
  explicit Sleeper(const test::TempDir& dir) : child({"/bin/sleep", "60"}, dir.File("log")) {}
  std::string pid() const { return std::to_string(child.pid()); }
  bool EndsSoon() {
    for (int i = 0; i < 500 && child.running(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return !child.running();
  }
  Child child;
};

void SetWritten(const std::string& path, std::int64_t seconds_ago) {
  const timespec when{UnixSeconds(RealClock().Now()) - seconds_ago, 0};
  const timespec both[2] = {when, when};
  REQUIRE(utimensat(AT_FDCWD, path.c_str(), both, 0) == 0);
}

Status Hup(const std::string& pid_file) {
  auto action = MakeAction({.kind = "signal", .pid_file = pid_file});
  REQUIRE_OK(action);
  return (*action)->Run({}, std::chrono::seconds(1));
}

}  // namespace

TEST_CASE("The process of a pid file gets the signal") {
  const test::TempDir dir;
  Sleeper sleeper(dir);
  WriteWholeFile(dir.File("pid"), sleeper.pid() + "\n");
  REQUIRE_OK(Hup(dir.File("pid")));
  CHECK(sleeper.EndsSoon());
}

TEST_CASE("A process that started after the pid file was written is not signalled") {
  const test::TempDir dir;
  Sleeper sleeper(dir);
  const std::string file = dir.File("pid");
  WriteWholeFile(file, sleeper.pid() + "\n");
  SetWritten(file, 10);
  REQUIRE_ERROR(Hup(file), Code::kFailedPrecondition, "the number was used again");
  CHECK(sleeper.child.running());
  SetWritten(file, 0);  // that was the only reason
  REQUIRE_OK(Hup(file));
  CHECK(sleeper.EndsSoon());
}

TEST_CASE("A pid file that cannot name a server of ours is refused with the reason") {
  const auto [text, why] = GENERATE(table<std::string, std::string>({
      {"", "does not begin with a process's number"},
      {"0\n", "does not begin with a process's number"},
      {"-1\n", "does not begin with a process's number"},
      {"+5\n", "does not begin with a process's number"},
      {"12 34\n", "does not begin with a process's number"},
      {"99999999999999999999\n", "does not begin with a process's number"},
      {"0x10\n", "does not begin with a process's number"},
      {std::string(5000, '1'), "does not begin with a process's number"},
      {"1\n", "the init process"},
      {"4194303\n", "which does not run"},
  }));
  const test::TempDir dir;
  WriteWholeFile(dir.File("pid"), text);
  REQUIRE_ERROR(Hup(dir.File("pid")), Code::kFailedPrecondition, why);
}

TEST_CASE("This program never signals itself") {
  const test::TempDir dir;
  WriteWholeFile(dir.File("pid"), std::to_string(getpid()));
  REQUIRE_ERROR(Hup(dir.File("pid")), Code::kFailedPrecondition, "this program itself");
}

TEST_CASE("A pid file that is missing says that the server may not run yet") {
  const test::TempDir dir;
  REQUIRE_ERROR(Hup(dir.File("pid")), Code::kNotFound, "the server may not run yet");
}

TEST_CASE("A symbolic link, a folder and a fifo are no pid files") {
  const test::TempDir dir;
  Sleeper sleeper(dir);
  WriteWholeFile(dir.File("real"), sleeper.pid());
  REQUIRE(symlink(dir.File("real").c_str(), dir.File("link").c_str()) == 0);
  REQUIRE_ERROR(Hup(dir.File("link")), Code::kFailedPrecondition, "is a symbolic link");
  REQUIRE_ERROR(Hup(dir.path()), Code::kFailedPrecondition, "is not a regular file");
  REQUIRE(mkfifo(dir.File("fifo").c_str(), 0600) == 0);
  REQUIRE_ERROR(Hup(dir.File("fifo")), Code::kFailedPrecondition, "is not a regular file");
  CHECK(sleeper.child.running());
}

TEST_CASE("A pid file that others may write to is refused with the cure") {
  const test::TempDir dir;
  Sleeper sleeper(dir);
  const std::string file = dir.File("pid");
  WriteWholeFile(file, sleeper.pid());
  REQUIRE(chmod(file.c_str(), 0646) == 0);
  REQUIRE_ERROR(Hup(file), Code::kFailedPrecondition, "chmod go-w " + file);
  CHECK(sleeper.child.running());
}

TEST_CASE("A pid file of another user has no say over our process") {
  if (geteuid() != 0) {
    WARN("skipped, not proved: only root can give a file away");
    return;
  }
  const test::TempDir dir;
  Sleeper sleeper(dir);
  const std::string file = dir.File("pid");
  WriteWholeFile(file, sleeper.pid());
  REQUIRE(chown(file.c_str(), 12345, 12345) == 0);
  REQUIRE_ERROR(Hup(file), Code::kFailedPrecondition, "belongs to user id 12345");
  REQUIRE(chown(file.c_str(), 0, 12345) == 0);
  REQUIRE(chmod(file.c_str(), 0660) == 0);
  REQUIRE_ERROR(Hup(file), Code::kFailedPrecondition, "others may write");
  CHECK(sleeper.child.running());
}

TEST_CASE("A process that has ended but was not waited for counts as gone") {
  const test::TempDir dir;
  const pid_t pid = fork();
  if (pid == 0) {
    _exit(0);
  }
  siginfo_t info{};
  REQUIRE(waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0);
  WriteWholeFile(dir.File("pid"), std::to_string(pid));
  CHECK(Hup(dir.File("pid")).code() == Code::kFailedPrecondition);
  waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED);
}

TEST_CASE("postgresql: the start time of postmaster.pid decides, not the file's own") {
  const test::TempDir dir;
  Sleeper sleeper(dir);
  const auto now = UnixSeconds(RealClock().Now());
  const auto reload = [&](const std::string& third_line) {
    WriteWholeFile(dir.File("postmaster.pid"),
                   sleeper.pid() + "\n" + dir.path() + "\n" + third_line + "\n5432\n");
    auto action = MakeAction({.kind = "postgresql", .data_dir = dir.path()});
    REQUIRE_OK(action);
    return (*action)->Run({}, std::chrono::seconds(1));
  };
  REQUIRE_ERROR(reload(std::to_string(now - 30)), Code::kFailedPrecondition,
                "later than the file says");
  REQUIRE_ERROR(reload("yesterday"), Code::kFailedPrecondition, "no start time");
  CHECK(sleeper.child.running());
  REQUIRE_OK(reload(std::to_string(now)));
  CHECK(sleeper.EndsSoon());
}

TEST_CASE("Signals are named as people write them") {
  CHECK(SignalNumber("HUP") == SIGHUP);
  CHECK(SignalNumber("SIGUSR2") == SIGUSR2);
  CHECK(SignalNumber("WINCH") == SIGWINCH);
  CHECK_FALSE(SignalNumber("KILL"));
  CHECK_FALSE(SignalNumber("STOP"));
  CHECK_FALSE(SignalNumber("hup"));
  CHECK_FALSE(SignalNumber("1"));
  CHECK_FALSE(SignalNumber(""));
}
