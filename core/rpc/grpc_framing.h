#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/rpc/call.h"

namespace signet::rpc {

constexpr std::size_t kMessagePrefix = 5;  ///< flag byte and 32-bit length

/// AppendPrefix adds the five bytes that go before a message of `size` bytes.
void AppendPrefix(std::string& out, std::size_t size);

/// MessageParser cuts a stream's DATA bytes into gRPC messages. A message that lies whole in one
/// chunk is not copied; memory grows with the bytes that came, never with the length that a prefix
/// claims.
class MessageParser {
 public:
  /// Sink gets each whole message; the view ends with the call. False stops the parsing.
  using Sink = std::function<bool(std::string_view message)>;

  explicit MessageParser(std::size_t max_message_bytes) : max_(max_message_bytes) {}

  /// encoding_named says whether the request's grpc-encoding names a compression; none is
  /// supported.
  void set_encoding_named(bool named) { encoding_named_ = named; }

  /// Feed takes the next bytes. Errors are final: a message over the limit (RESOURCE_EXHAUSTED), a
  /// compressed one (UNIMPLEMENTED, or INTERNAL if no encoding was named), a bad flag byte
  /// (INTERNAL).
  RpcStatus Feed(std::string_view chunk, const Sink& sink);
  /// partial: between the first and the last byte of a message. Half-closing then is an error of
  /// the peer.
  bool partial() const { return prefix_have_ > 0; }
  std::size_t buffered() const { return body_.size(); }

 private:
  RpcStatus TakePrefix();
  char prefix_[kMessagePrefix] = {};
  std::uint8_t prefix_have_ = 0;
  bool encoding_named_ = false;
  std::uint32_t length_ = 0;
  std::size_t max_;
  std::string body_;
};

}  // namespace signet::rpc
