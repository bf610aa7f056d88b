#include "core/rpc/peer_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace signet::rpc {
namespace {

#ifndef SO_PEERPIDFD
constexpr int kPeerPidfd = 77;  // Linux 6.5; Debian 12's headers are older
#else
constexpr int kPeerPidfd = SO_PEERPIDFD;
#endif

/// ReadStartTime reads field 22 of /proc/<pid>/stat; 0 if it cannot.
std::uint64_t ReadStartTime(int pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> buffer{};
  const ssize_t n = file ? ::read(file.get(), buffer.data(), buffer.size() - 1) : -1;
  if (n <= 0) {
    return 0;
  }
  // The name in parentheses may hold anything, also ") 1 2": the fields go on after the last
  // parenthesis.
  const std::string_view text(buffer.data(), static_cast<std::size_t>(n));
  const std::size_t paren = text.rfind(')');
  if (paren == std::string_view::npos) {
    return 0;
  }
  std::string_view rest = text.substr(paren + 1);
  for (int field = 2; field < 22; ++field) {
    const std::size_t space = rest.find(' ');
    if (space == std::string_view::npos) {
      return 0;
    }
    rest.remove_prefix(space + 1);
  }
  return std::strtoull(rest.data(), nullptr, 10);
}

/// OpenPidfd is for kernels without SO_PEERPIDFD. The pid was the peer's at connect; that it still
/// is, is as sure as its owner being the same user.
UniqueFd OpenPidfd(const PeerProcess& peer) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
  struct stat owner {};
  const std::string path = "/proc/" + std::to_string(peer.pid);
  if (pidfd &&
      (::stat(path.c_str(), &owner) != 0 || (owner.st_uid != peer.uid && owner.st_uid != 0))) {
    pidfd.Reset();
  }
  return pidfd;
}

}  // namespace

bool PeerProcess::Alive() const {
  if (!pidfd) {
    return false;
  }
  pollfd item{pidfd.get(), POLLIN, 0};
  return ::poll(&item, 1, 0) == 0;  // readable: the process has ended
}

Result<PeerProcess> PinPeer(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return Internal(std::string("cannot read the peer's credentials: ") + std::strerror(errno));
  }
  PeerProcess peer;
  peer.pid = credentials.pid;
  peer.uid = credentials.uid;
  peer.gid = credentials.gid;
  if (peer.pid <= 0) {
    return peer;
  }
  int pidfd = -1;
  size = sizeof pidfd;
  if (::getsockopt(socket, SOL_SOCKET, kPeerPidfd, &pidfd, &size) == 0) {
    peer.pidfd.Reset(pidfd);
  } else if (errno == ENOPROTOOPT) {
    peer.pidfd = OpenPidfd(peer);
  }
  peer.start_time = ReadStartTime(peer.pid);
  if (!peer.Alive()) {
    peer.start_time = 0;  // it may be another's by now
  }
  return peer;
}

}  // namespace signet::rpc
