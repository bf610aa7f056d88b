#include "tests/bench/deployment.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>
#include <thread>

#include "core/base/check.h"

namespace signet::bench {
namespace {

const std::string kServerProgram = std::string(SIGNET_BINARY_DIR) + "/ca/cmd/signet-server";
const std::string kAgentProgram = std::string(SIGNET_BINARY_DIR) + "/workload-api/cmd/signet-agent";

/// Spawn starts a program with its output in a file.
pid_t Spawn(std::vector<std::string> command, const std::string& output) {
  const pid_t pid = ::fork();
  SIGNET_CHECK(pid >= 0, "cannot fork");
  if (pid > 0) {
    return pid;
  }
  const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(fd, STDOUT_FILENO);
  ::dup2(fd, STDERR_FILENO);
  std::vector<char*> argv;
  for (std::string& word : command) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Run waits for a program's end and gives its output, or nothing if it failed.
std::optional<std::string> Run(std::vector<std::string> command, const std::string& output) {
  const pid_t pid = Spawn(std::move(command), output);
  int status = 0;
  SIGNET_CHECK(::waitpid(pid, &status, 0) == pid, "waitpid");
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? std::optional(ReadAll(output))
                                                       : std::nullopt;
}

void Eventually(const std::string& what, const std::vector<std::string>& command,
                const std::string& output) {
  for (int i = 0; i < 400; ++i) {
    if (Run(command, output)) {
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  SIGNET_CHECK(false, what + " did not come up: " + ReadAll(output));
}

std::uint16_t FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  SIGNET_CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                   ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0,
               "no free port");
  ::close(fd);
  return ntohs(address.sin_port);
}

void End(pid_t pid) {
  if (pid > 0) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

}  // namespace

Deployment::Deployment() : port_(FreePort()) {
  StartServer();
  StartAgent();
}

Deployment::~Deployment() {
  End(agent_);
  End(server_);
}

void Deployment::StartServer() {
  server_ = Spawn({kServerProgram, "run", "-trustDomain", "example.org", "-bindAddress",
                   "127.0.0.1", "-serverPort", std::to_string(port_), "-socketPath",
                   server_socket(), "-dataDir", File("server/data")},
                  File("server.log"));
  Eventually("the server", {kServerProgram, "healthcheck", "-socketPath", server_socket()},
             File("health.txt"));
}

void Deployment::StartAgent() {
  std::ofstream(File("bundle.pem")) << Admin({"bundle", "show"});
  const std::string generated = Admin({"token", "generate", "-output", "json"});
  const std::size_t key = generated.find("\"value\"");
  const std::size_t begin = generated.find('"', generated.find(':', key)) + 1;
  SIGNET_CHECK(key != std::string::npos, "token generate said: " + generated);
  token_ = generated.substr(begin, generated.find('"', begin) - begin);
  agent_ =
      Spawn({kAgentProgram, "run", "-trustDomain", "example.org", "-serverAddress", "127.0.0.1",
             "-serverPort", std::to_string(port_), "-socketPath", agent_socket(), "-dataDir",
             File("agent/data"), "-trustBundle", File("bundle.pem"), "-joinToken", token_},
            File("agent.log"));
  Eventually("the agent", {kAgentProgram, "healthcheck", "-socketPath", agent_socket()},
             File("health.txt"));
}

std::string Deployment::Admin(std::vector<std::string> words) const {
  words.insert(words.begin(), kServerProgram);
  words.insert(words.end(), {"-socketPath", server_socket()});
  const std::optional<std::string> output = Run(words, File("admin.txt"));
  SIGNET_CHECK(output.has_value(),
               words[1] + " " + words[2] + " failed: " + ReadAll(File("admin.txt")));
  return *output;
}

void Deployment::CreateEntry(const std::string& path, const std::string& selector,
                             std::vector<std::string> more) const {
  std::vector<std::string> words = {
      "entry",     "create",
      "-parentID", "spiffe://example.org/spire/agent/join_token/" + token_,
      "-spiffeID", "spiffe://example.org" + path,
      "-selector", selector};
  words.insert(words.end(), more.begin(), more.end());
  Admin(std::move(words));
}

std::uint64_t RssKb(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) {
      return std::stoull(line.substr(6));
    }
  }
  SIGNET_CHECK(false, "a process has gone");
  return 0;
}

}  // namespace signet::bench
