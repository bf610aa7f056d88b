#include "core/rpc/listen_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace signet::rpc {
namespace {

constexpr int kBacklog = 1024;

Result<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos) {
    return InvalidArgument("socket path \"" + path + "\" is not absolute");
  }
  if (path.size() >= sizeof address.sun_path) {
    return InvalidArgument(
        "socket path \"" + path + "\" is too long: " + std::to_string(path.size()) +
        " bytes, a Unix socket may have " + std::to_string(sizeof address.sun_path - 1) +
        "; choose a shorter folder");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

UniqueFd NewSocket(int family) {
  return UniqueFd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/// ClearStale removes a socket that nobody listens on.
Status ClearStale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    return {};
  }
  if (!S_ISSOCK(info.st_mode)) {
    return FailedPrecondition("socket path " + path +
                              " is taken by a file that is no socket; remove it or choose "
                              "another path");
  }
  const UniqueFd probe = NewSocket(AF_UNIX);
  const bool connected =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (connected || errno != ECONNREFUSED) {
    return FailedPrecondition("socket path " + path +
                              " is in use by a running process; stop it or choose another "
                              "path");
  }
  if (::unlink(path.c_str()) != 0) {
    return FailedPrecondition("cannot remove the stale socket " + path + ": " +
                              std::strerror(errno));
  }
  return {};
}

}  // namespace

Result<UnixSocketFile> UnixSocketFile::Listen(const std::string& path, mode_t mode) {
  SIGNET_TRY_ASSIGN(const sockaddr_un address, AddressOf(path));
  SIGNET_TRY(ClearStale(path, address));
  UnixSocketFile file;
  file.socket_ = NewSocket(AF_UNIX);
  // The mode of the unbound socket is what bind gives to the file (less the umask): there is no
  // moment in which others could connect, and no umask to change for all threads.
  if (!file.socket_ || ::fchmod(file.socket_.get(), mode) != 0) {
    return Internal("cannot make a Unix socket: " + std::string(std::strerror(errno)));
  }
  if (::bind(file.socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
      0) {
    return FailedPrecondition("cannot bind the socket " + path + ": " + std::strerror(errno) +
                              "; check that its folder exists and is writable");
  }
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) {
    file.path_ = path;
    file.device_ = info.st_dev;
    file.inode_ = info.st_ino;
  }
  const bool umask_cut = (info.st_mode & 0777) != mode;
  if ((umask_cut && ::chmod(path.c_str(), mode) != 0) ||
      ::listen(file.socket_.get(), kBacklog) != 0) {
    return Internal("cannot listen on the socket " + path + ": " + std::strerror(errno));
  }
  return file;
}

UnixSocketFile::~UnixSocketFile() {
  struct stat info {};
  const bool ours = !path_.empty() && socket_ && ::lstat(path_.c_str(), &info) == 0 &&
                    info.st_dev == device_ && info.st_ino == inode_;
  if (ours) {
    ::unlink(path_.c_str());
  }
}

Result<TcpSocket> ListenTcp(const std::string& address, std::uint16_t port) {
  const std::string where = address + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return InvalidArgument("listen address \"" + address + "\" is not a numeric IP address");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
  TcpSocket tcp;
  tcp.socket = NewSocket(found->ai_family);
  const int on = 1;
  ::setsockopt(tcp.socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!tcp.socket || ::bind(tcp.socket.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(tcp.socket.get(), kBacklog) != 0) {
    const char* hint = errno == EADDRINUSE
                           ? "port in use; stop the other process or choose another port"
                           : std::strerror(errno);
    return FailedPrecondition("cannot listen on " + where + ": " + hint);
  }
  sockaddr_in6 bound{};
  socklen_t size = sizeof bound;
  ::getsockname(tcp.socket.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  tcp.port = ntohs(bound.sin6_port);  // at the same place in sockaddr_in
  return tcp;
}

std::string PeerAddress(int socket) {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  char text[INET6_ADDRSTRLEN] = {};
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&from), &size) != 0) {
    return {};
  }
  if (from.ss_family == AF_INET) {
    const auto* four = reinterpret_cast<const sockaddr_in*>(&from);
    ::inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
    return text;
  }
  const auto* six = reinterpret_cast<const sockaddr_in6*>(&from);
  if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
    ::inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, text, sizeof text);
    return text;
  }
  ::inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
  return text;
}

}  // namespace signet::rpc
