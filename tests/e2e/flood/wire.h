#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/unique_fd.h"

// Just enough HTTP/2 by hand to attack with: a library would refuse to send most of this.
namespace signet::flood {

/// Target is where to connect: a Unix socket, or a TLS port on the loopback address.
struct Target {
  std::string unix_path = {};
  std::uint16_t tls_port = 0;
  std::string source_address =
      "127.0.0.1";         ///< ours, so that the server can tell two clients apart
  std::string path = {};   ///< of the call, "/package.Service/Method"
  bool streaming = false;  ///< the answer goes on after its first message
};

/// Connection is one byte stream to the target. Not for two threads.
class Connection {
 public:
  /// Open connects (and shakes hands under TLS) in at most `timeout`; null if the server does not
  /// let us; `why`, if given, then names the step and the reason.
  static std::unique_ptr<Connection> Open(const Target& target, std::chrono::milliseconds timeout,
                                          std::string* why = nullptr);
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Send writes all of it, or gives up after `timeout` (0: writes what fits); false once the
  /// connection is gone.
  bool Send(std::string_view bytes, std::chrono::milliseconds timeout);
  /// Receive appends what has arrived, waiting at most `timeout` for the first byte; false once the
  /// connection is gone.
  bool Receive(std::string* out, std::chrono::milliseconds timeout);
  bool stalled() const { return stalled_; }  ///< the last Send gave up

 protected:
  explicit Connection(UniqueFd fd) : fd_(std::move(fd)) {}
  enum class Step { kDone, kAgain, kGone };
  virtual Step Write(std::string_view bytes, std::size_t* written) = 0;
  virtual Step Read(std::string* out) = 0;
  /// Wait polls for `events`; false when `timeout` ran out.
  bool Wait(short events, std::chrono::milliseconds timeout) const;
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  bool stalled_ = false;
};

enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kContinuation = 9
};
inline constexpr std::uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4;

std::string Frame(FrameType type, std::uint8_t flags, std::uint32_t stream,
                  std::string_view payload);
/// Preface is the client's magic and its SETTINGS, with the largest initial window.
std::string Preface();
/// HeaderField is a literal header that leaves no trace in the dynamic table.
std::string HeaderField(std::string_view name, std::string_view value);
/// RequestHeaders is the header block of a gRPC call to `path`.
std::string RequestHeaders(const Target& target);
/// Call is a whole unary or server-streaming request.
std::string Call(const Target& target, std::uint32_t stream, std::string_view message);
std::string Reset(std::uint32_t stream);
/// WindowUpdate for the connection: room for everything.
std::string WindowUpdate();

/// ReceivedFrame views into the buffer that it was cut from.
struct ReceivedFrame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
};
/// CutFrame takes the first whole frame off the buffer.
std::optional<ReceivedFrame> CutFrame(std::string* buffer);

}  // namespace signet::flood
