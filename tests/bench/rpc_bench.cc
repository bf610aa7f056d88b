// Server CPU per small unary call: core/rpc against the gRPC library's callback server, same client
// (h2load, 8 connections × 10 streams), same payload, alternating rounds, medians. Prints one line:
//
//   rpc: ours_us=… grpc_us=… ratio=…
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/base/check.h"
#include "tests/support/temp_dir.h"

namespace {

constexpr int kCalls = 100'000;
constexpr int kRounds = 5;

/// Start runs a program with its output thrown away.
pid_t Start(std::vector<std::string> command) {
  const pid_t pid = ::fork();
  if (pid != 0) {
    return pid;
  }
  std::vector<char*> argv;
  for (std::string& word : command) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  if (std::freopen("/dev/null", "w", stdout) != nullptr) {
    ::execvp(argv[0], argv.data());
  }
  ::_exit(127);
}

/// Server is a server program on a Unix socket; it ends with the scope.
class Server {
 public:
  Server(std::string program, std::string socket)
      : socket_(std::move(socket)), pid_(Start({std::move(program), "--socket", socket_})) {
    for (int i = 0; i < 200 && ::access(socket_.c_str(), F_OK) != 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    SIGNET_CHECK(::access(socket_.c_str(), F_OK) == 0, "a server did not start");
  }
  ~Server() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  const std::string& socket() const { return socket_; }

  /// CpuMicros is the user and system time of all threads so far (fields 14 and 15 of
  /// /proc/<pid>/stat).
  double CpuMicros() const {
    std::ifstream in("/proc/" + std::to_string(pid_) + "/stat");
    std::string text;
    std::getline(in, text);
    std::istringstream rest(text.substr(text.rfind(')') + 2));
    std::string skipped;
    for (int field = 3; field < 14; ++field) {
      rest >> skipped;
    }
    double user = 0;
    double system = 0;
    rest >> user >> system;
    return (user + system) * 1e6 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }

 private:
  const std::string socket_;
  const pid_t pid_;
};

/// Measure makes the calls and gives the server's CPU time of one.
double Measure(const Server& server, const std::string& payload) {
  const double before = server.CpuMicros();
  const pid_t load =
      Start({"h2load", "-n", std::to_string(kCalls), "-c", "8", "-m", "10", "-t", "1", "-d",
             payload, "-H", "content-type: application/grpc", "-H", "te: trailers", "-B",
             "unix:" + server.socket(), "http://localhost/grpc.testing.TestService/UnaryCall"});
  int status = 0;
  ::waitpid(load, &status, 0);
  SIGNET_CHECK(status == 0, "h2load failed (is nghttp2-client installed?)");
  return (server.CpuMicros() - before) / kCalls;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int, char** argv) {
  const std::string self(argv[0]);
  const std::string here = self.substr(0, self.rfind('/'));
  const signet::test::TempDir dir;
  // SimpleRequest {response_size: 32, payload {body: 32 bytes}}, framed.
  const std::string message = std::string("\x10\x20\x1a\x22\x12\x20", 6) + std::string(32, 'p');
  std::ofstream(dir.File("call"), std::ios::binary)
      << std::string("\0\0\0\0", 4) << static_cast<char>(message.size()) << message;
  const Server ours(here + "/../interop/grpc_interop_server", dir.File("ours"));
  const Server grpc(here + "/grpc_callback_echo", dir.File("grpc"));
  std::vector<double> ours_us;
  std::vector<double> grpc_us;
  for (int round = 0; round <= kRounds; ++round) {
    const double a = Measure(ours, dir.File("call"));
    const double b = Measure(grpc, dir.File("call"));
    if (round > 0) {  // the first warms up
      ours_us.push_back(a);
      grpc_us.push_back(b);
    }
  }
  const double a = Median(ours_us);
  const double b = Median(grpc_us);
  std::printf("rpc: ours_us=%.2f grpc_us=%.2f ratio=%.3f\n", a, b, a / b);
  return 0;
}
