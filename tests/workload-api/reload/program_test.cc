#include "workload-api/reload/program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/support/kubernetes/process.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

using namespace signet;
using reload::RunProgram;

namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

Result<std::string> Shell(const std::string& script, Duration timeout = kPatience) {
  return RunProgram({.argv = {"/bin/sh", "-c", script}}, timeout);
}

}  // namespace

TEST_CASE("A program's output comes back on one printable line") {
  const auto printed = Shell("echo one; printf 'two\\033[31m\\n' >&2");
  REQUIRE_OK(printed);
  CHECK(*printed == "one two [31m");
}

TEST_CASE("Words reach the program as they are, without a shell") {
  const auto printed = RunProgram({.argv = {"/bin/echo", "$HOME", "a b", "*;id"}}, kPatience);
  REQUIRE_OK(printed);
  CHECK(*printed == "$HOME a b *;id");
}

TEST_CASE("A program gets a small environment, no descriptor of ours, and nothing to read") {
  const int ours = open("/dev/null", O_RDONLY);  // not close-on-exec
  REQUIRE(setenv("SIGNET_TEST_SECRET", "x", 1) == 0);
  const auto printed =
      Shell("env | sort | tr '\\n' ' '; ls /proc/self/fd | tr '\\n' ' '; cat; pwd");
  REQUIRE_OK(printed);
  // `ls` itself holds 3, the folder that it lists.
  CHECK(*printed ==
        "HOME=/ LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "
        "PWD=/ 0 1 2 3 /");
  close(ours);
}

TEST_CASE("A program runs with signals as a fresh process has them") {
  sigset_t block;
  sigset_t before;
  sigemptyset(&block);
  sigaddset(&block, SIGTERM);
  REQUIRE(pthread_sigmask(SIG_BLOCK, &block, &before) == 0);
  const auto printed = Shell("grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\n\\t'");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  REQUIRE_OK(printed);
  CHECK(*printed == "SigBlk:0000000000000000SigIgn:0000000000000000");
}

TEST_CASE("A program that says no is an error with the first kilobyte of its words") {
  const auto said = Shell("echo no such service; exit 3");
  REQUIRE_ERROR(said, Code::kFailedPrecondition, "/bin/sh ended with status 3: no such service");
  REQUIRE_ERROR(Shell("kill -9 $$"), Code::kFailedPrecondition, "was killed by signal 9");
  const auto much = Shell("yes | head -c 300000; exit 1");
  REQUIRE_FALSE(much.ok());
  CHECK(much.error().message.size() < 1200);
}

TEST_CASE("A key that a program prints stays out of the error") {
  const auto said = Shell("echo -----BEGIN PRIVATE KEY-----; echo MIGH; exit 1");
  REQUIRE_ERROR(said, Code::kFailedPrecondition, "output withheld");
  CHECK_THAT(said.error().message, !Catch::Contains("MIGH"));
}

TEST_CASE("A program that hangs is killed with all that it started") {
  const test::TempDir dir;
  const auto hung =
      Shell("sleep 60 & echo $! > " + dir.File("pid") + "; wait", std::chrono::milliseconds(500));
  REQUIRE_ERROR(hung, Code::kDeadlineExceeded, "did not end in time and was killed");
  const pid_t inner = std::stoi(test::ReadWholeFile(dir.File("pid")));
  // Killed, though perhaps not yet waited for by whoever inherited it.
  const auto gone = [&] {
    const std::string stat = test::ReadWholeFile("/proc/" + std::to_string(inner) + "/stat");
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  };
  for (int i = 0; i < 200 && !gone(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(gone());
}

TEST_CASE("What a program leaves running when it ends well is not waited for") {
  const test::TempDir dir;
  REQUIRE_OK(Shell("sleep 60 & echo $! > " + dir.File("pid")));
  const pid_t inner = std::stoi(test::ReadWholeFile(dir.File("pid")));
  CHECK(kill(inner, SIGKILL) == 0);  // it was still there
}

TEST_CASE("A program that is not there or that everybody may change is not run") {
  const test::TempDir dir;
  REQUIRE_ERROR(RunProgram({.argv = {dir.File("nothing")}}, kPatience), Code::kFailedPrecondition,
                "No such file");
  REQUIRE_ERROR(RunProgram({.argv = {dir.path()}}, kPatience), Code::kFailedPrecondition,
                "not an executable file");
  const std::string open_to_all = dir.File("script");
  test::WriteWholeFile(open_to_all, "#!/bin/sh\n");
  REQUIRE(chmod(open_to_all.c_str(), 0777) == 0);
  REQUIRE_ERROR(RunProgram({.argv = {open_to_all}}, kPatience), Code::kFailedPrecondition,
                "chmod o-w");
  REQUIRE(chmod(open_to_all.c_str(), 0755) == 0);
  REQUIRE_OK(RunProgram({.argv = {open_to_all}}, kPatience));
  const std::string no_format = dir.File("garbage");
  test::WriteWholeFile(no_format, "garbage");
  REQUIRE(chmod(no_format.c_str(), 0755) == 0);
  REQUIRE_ERROR(RunProgram({.argv = {no_format}}, kPatience), Code::kFailedPrecondition,
                "Exec format error");
}
