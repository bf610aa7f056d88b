#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/rpc/listen_socket.h"
#include "core/rpc/peer_process.h"
#include "tests/core/rpc/test_server.h"
#include "tests/support/h2_client.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::rpc;
using namespace signet::test;

namespace {

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

}  // namespace

TEST_CASE(
    "a socket has the mode that was asked for, whatever the umask, and is removed at the end") {
  const TempDir dir;
  for (const mode_t umask : {0U, 022U, 0777U}) {
    const mode_t old = ::umask(umask);
    auto file = UnixSocketFile::Listen(dir.File("s"), 0660);
    ::umask(old);
    REQUIRE_OK(file);
    CHECK(ModeOf(dir.File("s")) == 0660);
  }
  CHECK(::access(dir.File("s").c_str(), F_OK) != 0);
}

TEST_CASE("a live socket is not taken, a stale one is replaced") {
  const TempDir dir;
  {
    const auto live = UnixSocketFile::Listen(dir.File("s"), 0600);
    REQUIRE_OK(live);
    REQUIRE_ERROR(UnixSocketFile::Listen(dir.File("s"), 0600), Code::kFailedPrecondition, "in use");
    CHECK(H2Client::Unix(dir.File("s")) != nullptr);
  }
  // A socket whose owner died without removing it.
  {
    const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    dir.File("s").copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  CHECK(UnixSocketFile::Listen(dir.File("s"), 0600).ok());
}

TEST_CASE(
    "a path that is too long, a symbolic link, a file and a missing folder are clear errors") {
  const TempDir dir;
  REQUIRE_ERROR(UnixSocketFile::Listen("/" + std::string(107, 'x'), 0600), Code::kInvalidArgument,
                "too long");
  REQUIRE_ERROR(UnixSocketFile::Listen("relative", 0600), Code::kInvalidArgument, "not absolute");
  REQUIRE_ERROR(UnixSocketFile::Listen(dir.File("none/s"), 0600), Code::kFailedPrecondition,
                "folder");
  REQUIRE(::symlink("/nowhere", dir.File("link").c_str()) == 0);
  REQUIRE_ERROR(UnixSocketFile::Listen(dir.File("link"), 0600), Code::kFailedPrecondition,
                "no socket");
  const UniqueFd file(::open(dir.File("file").c_str(), O_CREAT | O_WRONLY, 0600));
  REQUIRE_ERROR(UnixSocketFile::Listen(dir.File("file"), 0600), Code::kFailedPrecondition,
                "no socket");
  CHECK(::access(dir.File("file").c_str(), F_OK) == 0);
}

TEST_CASE("a port in use and an address that is no number are clear errors") {
  const auto first = ListenTcp("127.0.0.1", 0);
  REQUIRE_OK(first);
  CHECK(first->port != 0);
  REQUIRE_ERROR(ListenTcp("127.0.0.1", first->port), Code::kFailedPrecondition, "port in use");
  REQUIRE_ERROR(ListenTcp("localhost", 0), Code::kInvalidArgument, "numeric");
}

TEST_CASE("a caller's process is pinned: alive while it runs, not alive after it") {
  TestServer server;
  const pid_t child = ::fork();
  if (child == 0) {
    // Only async-signal-safe calls between fork and exec would be strictly right; a lone socket is
    // enough here.
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    server.path().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ::_exit(1);
    }
    ::pause();
    ::_exit(0);
  }
  REQUIRE(child > 0);
  const auto us = H2Client::Unix(server.path());
  REQUIRE(us);
  us->Start("/t/Hold");
  us->Pump(std::chrono::milliseconds(0));
  const auto call = server.log().Next();
  REQUIRE(call);
  const auto ours = call->info().peer->process;
  REQUIRE(ours);
  CHECK(ours->pid == ::getpid());
  CHECK(ours->uid == ::getuid());
  CHECK(ours->gid == ::getgid());
  CHECK(ours->start_time > 0);
  CHECK(ours->Alive());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("a pinned process is noticed to have ended") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const TempDir dir;
  const auto listener = UnixSocketFile::Listen(dir.File("s"), 0600);
  REQUIRE_OK(listener);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  dir.File("s").copy(address.sun_path, sizeof address.sun_path - 1);
  const pid_t child = ::fork();
  if (child == 0) {
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const bool connected =
        ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    char byte = connected ? 'c' : 'e';
    static_cast<void>(!::write(ends[1], &byte, 1));
    static_cast<void>(!::read(ends[1], &byte, 1));
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ends[0], &byte, 1) == 1);
  REQUIRE(byte == 'c');
  const UniqueFd accepted(::accept4(listener->fd(), nullptr, nullptr, SOCK_CLOEXEC));
  const auto peer = PinPeer(accepted.get());
  REQUIRE_OK(peer);
  CHECK(peer->pid == child);
  CHECK(peer->Alive());
  CHECK(peer->start_time > 0);
  REQUIRE(::write(ends[0], "x", 1) == 1);
  ::waitpid(child, nullptr, 0);
  CHECK_FALSE(peer->Alive());
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("the limit of connections per peer holds, and places come back") {
  TestServer server({.max_connections_per_peer = 3});
  std::vector<std::unique_ptr<H2Client>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(H2Client::Unix(server.path()));
    REQUIRE(clients.back());
    CHECK(clients.back()->Call("/t/Echo", "x").grpc_status() == 0);
  }
  const auto refused = H2Client::Unix(server.path());
  REQUIRE(refused);
  CHECK(refused->UntilClosed());
  CHECK(server.server().counters().connections_refused == 1);
  clients.pop_back();
  CHECK(Eventually([&] {
    const auto again = H2Client::Unix(server.path());
    return again && again->Call("/t/Echo", "x").grpc_status() == 0;
  }));
}
