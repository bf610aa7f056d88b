#include "core/config/socket_probe.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "core/base/files.h"
#include "core/base/unique_fd.h"
#include "core/config/paths.h"

namespace signet::config {
namespace {

Error SocketError(const std::string& path, const std::string& program, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return Unavailable("there is no socket at " + path + "; is " + program +
                       " running? Name its socket with -socketPath");
  }
  if (error == ECONNREFUSED) {
    return Unavailable("nothing answers at " + path + "; the " + program +
                       " that made this socket has stopped. Start it again");
  }
  if (error == EACCES || error == EPERM) {
    return PermissionDenied("you may not use " + path +
                            "; run as its owner or as a member of its group");
  }
  return Unavailable("cannot connect to " + path + ": " + ErrnoText(error));
}

}  // namespace

Status ProbeSocket(const std::string& path, const std::string& program) {
  const std::string problem = CheckSocketPath(path);
  if (!problem.empty()) {
    return InvalidArgument("-socketPath " + path + " " + problem);
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return SocketError(path, program, errno);
  }
  return {};
}

}  // namespace signet::config
