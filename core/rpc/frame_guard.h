#pragma once

#include <cstdint>
#include <optional>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/rpc/limits.h"

namespace signet::rpc {

/// FrameGuard reads the frame headers of an HTTP/2 byte stream ahead of nghttp2 and says when a
/// peer goes too far: a header block or a run of CONTINUATION frames that is too long, resets or
/// control frames that come too fast. It knows lengths and types alone, so its work is a few
/// instructions a frame and its memory nothing.
class FrameGuard {
 public:
  FrameGuard(const Limits& limits, MonoTime now);

  /// Feed looks at the next bytes. It returns how many may be passed on: all, or those before the
  /// frame that broke a rule, and then violation() names the rule.
  std::size_t Feed(ByteView bytes, MonoTime now);
  const char* violation() const { return violation_; }

  /// Earned lets the peer send one more control frame: it got a HEADERS or DATA frame from us.
  /// (Clients that estimate bandwidth answer data with PING.)
  void Earned() { control_.Give(); }
  /// ResetByUs counts a stream that the peer made us reset, as if it had done so.
  bool ResetByUs(MonoTime now) { return resets_.Take(now); }

  /// since when an unfinished frame or header block has been arriving
  std::optional<MonoTime> unfinished_since() const { return unfinished_since_; }

 private:
  const char* Judge(MonoTime now);
  const char* JudgeHeaders();

  static constexpr std::size_t kPreface = 24;
  static constexpr std::size_t kHeader = 9;

  const std::size_t max_block_;
  TokenBucket resets_;
  TokenBucket control_;
  const char* violation_ = nullptr;
  std::optional<MonoTime> unfinished_since_;
  std::uint8_t header_[kHeader] = {};
  std::uint8_t have_ = 0;
  std::size_t skip_ = kPreface;  ///< payload bytes still to pass
  bool in_block_ = false;
  std::size_t block_bytes_ = 0;
  int continuations_ = 0;
};

}  // namespace signet::rpc
