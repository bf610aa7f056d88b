// Runs examples/mtls against two fake Workload APIs, one for each workload, and rotates everything
// under it.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <regex>
#include <thread>

#include "core/base/files.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/client/fake_workload_api.h"
#include "tests/workload-api/client/test_pki.h"

namespace {

using signet::client::X509Message;
using signet::client::test::Authority;
using signet::client::test::FakeWorkloadApi;
using signet::client::test::MessageFor;
using signet::test::TempDir;

constexpr const char* kFrontend = "spiffe://example.org/frontend";
constexpr const char* kBackend = "spiffe://example.org/backend";

// Program is a child process whose output goes to a file.
class Program {
 public:
  Program(std::string log, std::vector<std::string> arguments) : log_(std::move(log)) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, log_.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    std::vector<char*> argv;
    for (std::string& argument : arguments) {
      argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    REQUIRE(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Program() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void Terminate() const { kill(pid_, SIGTERM); }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string Output() const {
    const auto content = signet::ReadFile(log_, 4 << 20);
    return content.ok() ? signet::ToString(*content) : "";
  }
  // Find waits until the output holds the pattern and gives its first group.
  std::string Find(const std::string& pattern) const {
    for (int i = 0; i < 1000; ++i) {
      std::smatch match;
      const std::string output = Output();
      if (std::regex_search(output, match, std::regex(pattern))) {
        return match[1];
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL("no " << pattern << " in:\n" << Output());
    return "";
  }
  int Number(const std::string& key) const { return std::stoi(Find(key + "=(\\d+)")); }

 private:
  std::string log_;
  pid_t pid_ = -1;
};

// Scene is a backend that lets the frontend in, and what both need.
struct Scene {
  explicit Scene(const std::vector<std::string>& flags = {}) {
    backend_api->Say(MessageFor(authority, kBackend));
    frontend_api->Say(MessageFor(authority, kFrontend));
    std::vector<std::string> arguments = {
        MTLS_SERVER,  "-socket", "unix://" + dir.File("b.sock"), "-listen", "127.0.0.1:0",
        "-authorize", kFrontend};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    backend = std::make_unique<Program>(dir.File("backend.log"), std::move(arguments));
    address = backend->Find("listening on ([0-9.:]+)");
  }
  std::unique_ptr<Program> Client(const std::string& socket, const std::string& authorize,
                                  const std::string& duration,
                                  const std::vector<std::string>& flags = {}) {
    std::vector<std::string> arguments = {MTLS_CLIENT, "-socket",   "unix://" + dir.File(socket),
                                          "-connect",  address,     "-authorize",
                                          authorize,   "-interval", "10ms",
                                          "-duration", duration,    "-wait",
                                          "2s"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return std::make_unique<Program>(dir.File("client.log"), std::move(arguments));
  }
  TempDir dir;
  Authority authority{"example.org"};
  std::unique_ptr<FakeWorkloadApi> backend_api =
      std::make_unique<FakeWorkloadApi>("unix:" + dir.File("b.sock"));
  std::unique_ptr<FakeWorkloadApi> frontend_api =
      std::make_unique<FakeWorkloadApi>("unix:" + dir.File("f.sock"));
  std::unique_ptr<Program> backend;
  std::string address;
};

X509Message Trusting(const Authority& signer, const Authority& other, const char* id) {
  X509Message message = MessageFor(signer, id);
  signet::Append(message.svids[0].bundle, other.der());
  return message;
}

TEST_CASE("No request fails while leaves and authorities rotate and an agent goes away") {
  Scene scene;
  const auto frontend = scene.Client("f.sock", kBackend, "0s");
  frontend->Find("(talking to)");
  const Authority next("example.org");
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(120)); };
  for (int i = 0; i < 3; ++i) {
    scene.frontend_api->Say(MessageFor(scene.authority, kFrontend));
    scene.backend_api->Say(MessageFor(scene.authority, kBackend));
    pause();
  }
  // The next authority is trusted everywhere before it signs, and the first one until nothing of it
  // is left.
  scene.frontend_api->Say(Trusting(scene.authority, next, kFrontend));
  scene.backend_api->Say(Trusting(scene.authority, next, kBackend));
  pause();
  scene.frontend_api->Say(Trusting(next, scene.authority, kFrontend));
  scene.backend_api->Say(Trusting(next, scene.authority, kBackend));
  pause();
  scene.frontend_api.reset();
  pause();
  scene.frontend_api = std::make_unique<FakeWorkloadApi>("unix:" + scene.dir.File("f.sock"));
  scene.frontend_api->Say(MessageFor(next, kFrontend));
  scene.backend_api->Say(MessageFor(next, kBackend));
  pause();
  frontend->Terminate();
  INFO(frontend->Output());
  CHECK(frontend->Wait() == 0);
  CHECK(frontend->Number("failed") == 0);
  CHECK(frontend->Number("requests") >= 20);
  CHECK(frontend->Number("handshakes") >= 10);
  CHECK(frontend->Number("leaf_changes") >= 5);
  CHECK(frontend->Number("ca_changes") == 1);
  scene.backend->Terminate();
  CHECK(scene.backend->Wait() == 0);
  CHECK(scene.backend->Number("refused") == 0);
  CHECK(scene.backend->Number("requests") == frontend->Number("requests"));
}

TEST_CASE("With resumption, connections resume until a bundle changes, and then again") {
  Scene scene({"-resumption", "epoch"});
  const auto frontend = scene.Client("f.sock", kBackend, "0s", {"-resumption", "epoch"});
  frontend->Find("(talking to)");
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(150)); };
  pause();
  const Authority next("example.org");
  scene.frontend_api->Say(Trusting(scene.authority, next, kFrontend));
  scene.backend_api->Say(Trusting(scene.authority, next, kBackend));
  pause();
  frontend->Terminate();
  INFO(frontend->Output());
  CHECK(frontend->Wait() == 0);
  const int handshakes = frontend->Number("handshakes");
  const int resumed = frontend->Number("resumed");
  // The first ones, and those around the change, are full.
  CHECK(resumed >= handshakes / 2);
  CHECK(resumed <= handshakes - 2);
}

TEST_CASE("A client whose identity the server does not authorize fails and is named") {
  Scene scene;
  scene.frontend_api->Say(MessageFor(scene.authority, "spiffe://example.org/intruder"));
  const auto intruder = scene.Client("f.sock", kBackend, "100ms");
  CHECK(intruder->Wait() == 1);
  CHECK(intruder->Number("failed") == intruder->Number("requests"));
  scene.backend->Find("spiffe://example.org/intruder (is not authorized)");
}

TEST_CASE("A client does not talk to a server with another identity than it wants") {
  Scene scene;
  const auto careful = scene.Client("f.sock", "spiffe://example.org/database", "100ms");
  CHECK(careful->Wait() == 1);
  careful->Find("spiffe://example.org/backend (is not authorized)");
}

TEST_CASE("A program that the agent does not know gets no identity and says so") {
  Scene scene;
  scene.frontend_api->Deny(signet::PermissionDenied("no identity issued"));
  const auto impostor = scene.Client("f.sock", kBackend, "1s");
  CHECK(impostor->Wait() == 3);
  impostor->Find("(no identity issued)");
}

}  // namespace
