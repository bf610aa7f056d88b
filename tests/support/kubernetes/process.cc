#include "tests/support/kubernetes/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace signet::test {
namespace {

constexpr std::chrono::seconds kPatience{10};

[[noreturn]] void Become(const std::vector<char*>& arguments, const char* log_file, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    _exit(126);
  }
  const int log = open(log_file, O_CREAT | O_WRONLY | O_APPEND, 0600);
  const int none = open("/dev/null", O_RDONLY);
  dup2(none, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, 0);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_UNBLOCK, &all, nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

Child::Child(const std::vector<std::string>& command, const std::string& log_file) {
  std::vector<char*> arguments;
  for (const std::string& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) {
    throw std::runtime_error("cannot fork");
  }
  if (pid_ == 0) {
    Become(arguments, log_file.c_str(), parent);
  }
}

Child::~Child() { End(SIGKILL); }

bool Child::Reap(bool wait) {
  if (pid_ > 0 && waitpid(pid_, nullptr, wait ? 0 : WNOHANG) == pid_) {
    pid_ = -1;
  }
  return pid_ < 0;
}

bool Child::running() { return !Reap(false); }

void Child::Signal(int signal) const {
  if (pid_ > 0) {
    kill(pid_, signal);
  }
}

void Child::Pause() const {
  Signal(SIGSTOP);
  int status = 0;
  waitpid(pid_, &status, WUNTRACED);
}

void Child::End(int signal) {
  Signal(SIGCONT);
  Signal(signal);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!Reap(false)) {
    if (std::chrono::steady_clock::now() > end) {
      Signal(SIGKILL);
      Reap(true);
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

int FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool ok = bind(probe, any, size) == 0 && getsockname(probe, any, &size) == 0;
  close(probe);
  if (!ok) {
    throw std::runtime_error("no free port");
  }
  return ntohs(address.sin_port);
}

std::string ReadWholeFile(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void WriteWholeFile(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  const int fd = open(fresh.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  const bool ok =
      fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  if (!ok || rename(fresh.c_str(), path.c_str()) != 0) {
    throw std::runtime_error("cannot write " + path);
  }
}

std::string RunAndRead(const std::string& command, std::string& error) {
  std::FILE* const pipe = popen(command.c_str(), "re");
  std::string out;
  char part[4096];
  for (std::size_t size = 0; (size = fread(part, 1, sizeof part, pipe)) > 0;) {
    out.append(part, size);
  }
  while (!out.empty() && out.back() == '\n') {
    out.pop_back();
  }
  if (pclose(pipe) != 0) {
    error = out.substr(out.rfind('\n') + 1);
    return "";
  }
  return out;
}

}  // namespace signet::test
