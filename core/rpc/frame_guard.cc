#include "core/rpc/frame_guard.h"

#include <algorithm>

namespace signet::rpc {
namespace {

constexpr std::uint8_t kData = 0;
constexpr std::uint8_t kHeaders = 1;
constexpr std::uint8_t kPriority = 2;
constexpr std::uint8_t kReset = 3;
constexpr std::uint8_t kGoaway = 7;
constexpr std::uint8_t kWindowUpdate = 8;
constexpr std::uint8_t kContinuation = 9;
constexpr std::uint8_t kEndStream = 1;
constexpr std::uint8_t kEndHeaders = 4;
constexpr int kMaxContinuations = 8;
// PING, SETTINGS, PRIORITY, empty DATA and unknown frames: a peer has no need of more.
constexpr double kControlPerSecond = 500;
constexpr double kControlBurst = 1000;

}  // namespace

FrameGuard::FrameGuard(const Limits& limits, MonoTime now)
    : max_block_(limits.max_header_bytes),
      resets_(limits.resets_per_second_per_connection, limits.resets_per_second_per_connection),
      control_(kControlPerSecond, kControlBurst),
      unfinished_since_(now) {}

std::size_t FrameGuard::Feed(ByteView bytes, MonoTime now) {
  std::size_t done = 0;
  while (done < bytes.size() && violation_ == nullptr) {
    if (skip_ > 0) {
      const std::size_t n = std::min(skip_, bytes.size() - done);
      skip_ -= n;
      done += n;
    } else {
      header_[have_++] = bytes[done++];
      if (have_ == kHeader) {
        have_ = 0;
        skip_ = std::size_t{header_[0]} << 16 | std::size_t{header_[1]} << 8 | header_[2];
        violation_ = Judge(now);
      }
    }
    if (skip_ == 0 && have_ == 0 && !in_block_) {
      unfinished_since_.reset();
    } else if (!unfinished_since_) {
      unfinished_since_ = now;
    }
  }
  // A header that was cut in two by reads may have gone on in part; nghttp2 does nothing with a
  // part.
  return violation_ == nullptr ? done : done - std::min(done, kHeader);
}

const char* FrameGuard::JudgeHeaders() {
  const std::uint8_t flags = header_[4];
  if (header_[3] == kHeaders) {
    block_bytes_ = 0;
    continuations_ = 0;
  } else if (++continuations_ > kMaxContinuations) {
    return "too many CONTINUATION frames";
  }
  block_bytes_ += skip_;
  in_block_ = (flags & kEndHeaders) == 0;
  return block_bytes_ > max_block_ ? "header block is too long" : nullptr;
}

const char* FrameGuard::Judge(MonoTime now) {
  const std::uint8_t type = header_[3];
  if (type == kHeaders || type == kContinuation) {
    return JudgeHeaders();
  }
  if (type == kReset) {
    return resets_.Take(now) ? nullptr : "streams are reset too fast";
  }
  const bool control = type == kPriority ||
                       (type > kReset && type != kGoaway && type != kWindowUpdate) ||
                       (type == kData && skip_ == 0 && (header_[4] & kEndStream) == 0);
  return control && !control_.Take(now) ? "control frames come too fast" : nullptr;
}

}  // namespace signet::rpc
