#include "core/config/socket_probe.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <fstream>

#include "core/base/unique_fd.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::config {
namespace {

UniqueFd Listen(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(fd.get(), 1) == 0);
  return fd;
}

TEST_CASE("a socket that cannot be used is told with its path and what to do") {
  test::TempDir dir;
  const std::string path = dir.File("a.sock");
  REQUIRE_ERROR(ProbeSocket(path, "tool"), Code::kUnavailable, "there is no socket at " + path);
  {
    const UniqueFd listener = Listen(path);
    REQUIRE_OK(ProbeSocket(path, "tool"));
  }
  REQUIRE_ERROR(ProbeSocket(path, "tool"), Code::kUnavailable,
                "the tool that made this socket has stopped");
  std::ofstream(dir.File("file")) << "x";
  REQUIRE_ERROR(ProbeSocket(dir.File("file"), "tool"), Code::kUnavailable, "nothing answers");
  REQUIRE_ERROR(ProbeSocket("rel.sock", "tool"), Code::kInvalidArgument, "absolute");
}

}  // namespace
}  // namespace signet::config
