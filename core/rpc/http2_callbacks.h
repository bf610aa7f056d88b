#pragma once

#include <nghttp2/nghttp2.h>

#include "core/rpc/http2_connection.h"

namespace signet::rpc {

/// Http2Callbacks is the bridge from nghttp2's C callbacks to Http2Connection. Private to the room.
struct Http2Callbacks {
  static const nghttp2_session_callbacks* Table();
  static const nghttp2_option* Options();
  /// Memory is malloc, but for the 16 kB buffer in which nghttp2 packs one outgoing frame: the
  /// sessions of a thread share one. Sound because Produce copies each frame before nghttp2 goes
  /// on, header lists are bounded to one frame, and DATA is never packed there (NO_COPY). An idle
  /// connection would else own 16 kB for nothing.
  static nghttp2_mem Memory();
  /// ReadData is the data provider of every answer.
  static ssize_t ReadData(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer,
                          std::size_t length, std::uint32_t* flags, nghttp2_data_source* source,
                          void* user);

 private:
  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame*, void*);
  static int OnHeader(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                      const std::uint8_t*, std::size_t, std::uint8_t, void*);
  static int OnFrame(nghttp2_session*, const nghttp2_frame*, void*);
  static int OnDataChunk(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t*,
                         std::size_t, void*);
  static int OnStreamClose(nghttp2_session*, std::int32_t, std::uint32_t, void*);
  static int OnFrameSent(nghttp2_session*, const nghttp2_frame*, void*);
  static int SendData(nghttp2_session*, nghttp2_frame*, const std::uint8_t*, std::size_t,
                      nghttp2_data_source*, void*);
};

}  // namespace signet::rpc
