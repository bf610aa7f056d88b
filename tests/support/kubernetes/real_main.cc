// kube_real start FOLDER | stop FOLDER: the real API server that the tests of one ctest run share.
//
// `start` leaves a keeper behind that owns etcd and kube-apiserver, writes FOLDER/url when they
// answer, and ends them on `stop`, or by itself when no test has used it for 15 minutes, whatever
// became of ctest. Exits with ctest's skip code if there is no real API server here.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <string>
#include <thread>

#include "tests/support/kubernetes/process.h"
#include "tests/support/kubernetes/servers.h"

namespace {

using signet::test::KubeServers;
using signet::test::ReadWholeFile;
using signet::test::WriteWholeFile;

constexpr int kSkipped = 77;
constexpr std::time_t kLongestIdleSeconds = 15 * 60;
constexpr std::time_t kLookEverySeconds = 10;
constexpr int kPatienceSeconds = 90;

void Pause() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

/// Ends the keeper of a run before, if it still is one: the file's lock tells.
void EndKeeper(const std::string& folder) {
  const int lock = open((folder + "/lock").c_str(), O_RDWR | O_CLOEXEC);
  if (lock < 0) {
    return;
  }
  struct flock held = {};
  for (int i = 0; i < 500; ++i) {
    held.l_type = F_WRLCK;
    if (fcntl(lock, F_GETLK, &held) != 0 || held.l_type == F_UNLCK) {
      break;
    }
    kill(held.l_pid, SIGTERM);
    Pause();
  }
  close(lock);
}

/// Each test that uses the server touches its file `url` (KubeBackend::Start).
std::time_t IdleSeconds(const std::string& folder) {
  struct stat file = {};
  return stat((folder + "/url").c_str(), &file) == 0 ? std::time(nullptr) - file.st_mtime
                                                     : kLongestIdleSeconds;
}

[[noreturn]] void Keep(const std::string& folder) {
  setsid();
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  const int log = open((folder + "/keeper.log").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  const int lock = open((folder + "/lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  struct flock whole = {};
  whole.l_type = F_WRLCK;
  fcntl(lock, F_SETLK, &whole);
  try {
    const std::unique_ptr<KubeServers> servers = KubeServers::StartReal(folder, {});
    WriteWholeFile(folder + "/url", servers->url());
    const std::timespec look = {.tv_sec = kLookEverySeconds, .tv_nsec = 0};
    while (IdleSeconds(folder) < kLongestIdleSeconds && sigtimedwait(&ends, nullptr, &look) < 0) {
    }
  } catch (const std::exception& problem) {
    WriteWholeFile(folder + "/problem", problem.what());
  }
  unlink((folder + "/url").c_str());
  std::_Exit(0);
}

int Start(const std::string& folder) {
  const std::string why = KubeServers::WhyNoReal();
  if (!why.empty()) {
    std::printf("skipped, not proved: Kubernetes cases on a real API server: %s\n", why.c_str());
    return kSkipped;
  }
  EndKeeper(folder);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  chmod(folder.c_str(), 0700);
  std::fflush(stdout);
  if (fork() == 0) {
    Keep(folder);
  }
  for (int i = 0; i < kPatienceSeconds * 50; ++i) {
    const std::string url = ReadWholeFile(folder + "/url");
    const std::string problem = ReadWholeFile(folder + "/problem");
    if (!url.empty() || !problem.empty()) {
      std::printf("%s\n", url.empty() ? problem.c_str() : url.c_str());
      return url.empty() ? 1 : 0;
    }
    Pause();
  }
  std::printf("no API server after %d s; see %s\n", kPatienceSeconds, folder.c_str());
  EndKeeper(folder);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 3 ? argv[1] : "";
  if (what == "start") {
    return Start(argv[2]);
  }
  if (what == "stop") {
    EndKeeper(argv[2]);
    return 0;
  }
  std::fputs("usage: kube_real start|stop FOLDER\n", stderr);
  return 2;
}
