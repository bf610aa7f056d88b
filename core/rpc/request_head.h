#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/rpc/call.h"

namespace signet::rpc {

/// RequestHead collects the header fields of one request and judges them as gRPC over HTTP/2 asks.
struct RequestHead {
  std::string path;
  std::optional<Duration> timeout;
  Metadata metadata;  ///< without pseudo-headers and without gRPC's own fields
  bool post = false;
  bool grpc = false;            ///< content-type is gRPC's
  bool encoding_named = false;  ///< grpc-encoding is something else than identity
  std::size_t bytes = 0;        ///< as SETTINGS_MAX_HEADER_LIST_SIZE counts
  RpcStatus error;              ///< the first thing that is wrong with the call, if any

  /// Add takes one field. Beyond max_bytes nothing more is kept and error says so.
  void Add(std::string_view name, std::string_view value, std::size_t max_bytes);

 private:
  void AddMetadata(std::string_view name, std::string_view value);
  void Fail(Code code, std::string message);
};

}  // namespace signet::rpc
