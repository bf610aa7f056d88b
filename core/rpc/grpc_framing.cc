#include "core/rpc/grpc_framing.h"

#include <algorithm>
#include <cstring>

namespace signet::rpc {

void AppendPrefix(std::string& out, std::size_t size) {
  out.push_back('\0');
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((size >> shift) & 0xff));
  }
}

RpcStatus MessageParser::TakePrefix() {
  const auto byte = [this](int i) { return static_cast<std::uint8_t>(prefix_[i]); };
  length_ = std::uint32_t{byte(1)} << 24 | std::uint32_t{byte(2)} << 16 |
            std::uint32_t{byte(3)} << 8 | std::uint32_t{byte(4)};
  if (byte(0) == 1 && encoding_named_) {
    return {Code::kUnimplemented, "compressed messages are not supported; send identity"};
  }
  if (byte(0) == 1) {
    return {Code::kInternal, "message has the compressed flag but the call names no grpc-encoding"};
  }
  if (byte(0) != 0) {
    return {Code::kInternal, "message prefix has an invalid flag byte"};
  }
  if (length_ > max_) {
    return {Code::kResourceExhausted, "message of " + std::to_string(length_) +
                                          " bytes is over the limit of " + std::to_string(max_)};
  }
  return {};
}

RpcStatus MessageParser::Feed(std::string_view chunk, const Sink& sink) {
  while (!chunk.empty() || (prefix_have_ == kMessagePrefix && length_ == 0)) {
    if (prefix_have_ < kMessagePrefix) {
      const std::size_t n = std::min<std::size_t>(kMessagePrefix - prefix_have_, chunk.size());
      std::memcpy(prefix_ + prefix_have_, chunk.data(), n);
      prefix_have_ = static_cast<std::uint8_t>(prefix_have_ + n);
      chunk.remove_prefix(n);
      if (prefix_have_ < kMessagePrefix) {
        return {};
      }
      if (RpcStatus bad = TakePrefix(); bad.code != Code::kOk) {
        return bad;
      }
      continue;
    }
    const std::size_t n = std::min<std::size_t>(length_ - body_.size(), chunk.size());
    if (body_.empty() && n == length_) {
      prefix_have_ = 0;
      const std::string_view message = chunk.substr(0, n);
      chunk.remove_prefix(n);
      if (!sink(message)) {
        return {};
      }
      continue;
    }
    body_.append(chunk.data(), n);
    chunk.remove_prefix(n);
    if (body_.size() == length_) {
      const std::string message = std::exchange(body_, {});
      prefix_have_ = 0;
      if (!sink(message)) {
        return {};
      }
    }
  }
  return {};
}

}  // namespace signet::rpc
