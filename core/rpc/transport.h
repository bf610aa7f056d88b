#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "core/base/unique_fd.h"
#include "core/rpc/call.h"

namespace signet::rpc {

/// IoResult is how one non-blocking read or write went.
struct IoResult {
  enum class Kind { kMoved, kWouldBlock, kClosed };
  Kind kind = Kind::kMoved;
  std::size_t bytes = 0;
  bool more = false;  ///< read: bytes are buffered above the socket, epoll will not tell
};

/// Transport moves a connection's bytes: plain, or through TLS. Non-blocking; owns the socket.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual int fd() const = 0;
  virtual IoResult Read(std::span<char> buffer) = 0;
  virtual IoResult Write(std::string_view bytes) = 0;

  /// EndWriting says that no more will be written.
  virtual void EndWriting() = 0;

  enum class Handshake { kDone, kWantRead, kWantWrite, kFailed };
  /// Handshake goes on as far as it can.
  virtual Handshake Continue() { return Handshake::kDone; }
  /// AddTo writes what the handshake has proven into the peer.
  virtual void AddTo(Peer&) const {}
  /// error: why the transport failed, for the log
  virtual std::string error() const { return {}; }
};

std::unique_ptr<Transport> MakePlainTransport(UniqueFd socket);

}  // namespace signet::rpc
