#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace signet::reload {

/// Deadline is one moment by which a whole exchange has to be over.
class Deadline {
 public:
  static Deadline In(Duration timeout);
  /// Milliseconds until then, rounded up, as poll() wants them; 0 when it has passed.
  int Left() const;

 private:
  explicit Deadline(MonoTime end) : end_(end) {}
  MonoTime end_;
};

/// CheckAddress judges the words of an address: host:port, [v6]:port, or an absolute path of a Unix
/// socket. INVALID_ARGUMENT says what is wanted.
Status CheckAddress(std::string_view address);

/// Stream is a connection to a server on this machine or near it. All calls end at the deadline it
/// was made with; every error is UNAVAILABLE and names the address.
class Stream {
 public:
  /// Connect tries each address of a name in turn. Names are looked up by the system's resolver,
  /// which the deadline does not bound: write numbers where the resolver may hang.
  static Result<Stream> Connect(const std::string& address, Deadline deadline);

  Status Write(ByteView bytes);
  /// Read gives at least one byte, or 0 at the end of the stream.
  Result<std::size_t> Read(std::span<std::uint8_t> into);
  /// ReadExactly gives n bytes; an earlier end is an error.
  Result<Bytes> ReadExactly(std::size_t n);
  /// ReadLine gives a line without its CR and LF; one longer than `max` bytes is an error.
  Result<std::string> ReadLine(std::size_t max);
  /// ReadAll gives what comes until the other side closes; more than `max` bytes is an error.
  Result<std::string> ReadAll(std::size_t max);

  const std::string& address() const { return address_; }

 private:
  Stream(std::string address, UniqueFd fd, Deadline deadline)
      : address_(std::move(address)), fd_(std::move(fd)), deadline_(deadline) {}
  Status Wait(short events);
  Error Failed(std::string_view what) const;

  std::string address_;
  UniqueFd fd_;
  Deadline deadline_;
};

}  // namespace signet::reload
