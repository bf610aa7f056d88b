#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace signet::rpc {

/// UnixSocketFile is a listening Unix socket and its name in the file system, which is removed at
/// the end if it is still ours.
class UnixSocketFile {
 public:
  /// Listen binds with `mode` from the first moment. A stale socket (nobody listens) is replaced; a
  /// live one, a symbolic link or another kind of file is an error.
  static Result<UnixSocketFile> Listen(const std::string& path, mode_t mode);
  ~UnixSocketFile();
  UnixSocketFile(UnixSocketFile&&) noexcept = default;
  UnixSocketFile& operator=(UnixSocketFile&&) = delete;

  int fd() const { return socket_.get(); }

 private:
  UnixSocketFile() = default;
  UniqueFd socket_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct TcpSocket {
  UniqueFd socket;
  std::uint16_t port = 0;
};

/// ListenTcp binds a numeric address; port 0 lets the kernel choose.
Result<TcpSocket> ListenTcp(const std::string& address, std::uint16_t port);

/// PeerAddress gives the numeric host at the other end, IPv4 as IPv4 also on a dual-stack socket.
std::string PeerAddress(int socket);

}  // namespace signet::rpc
