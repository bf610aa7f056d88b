#include "core/rpc/http2_callbacks.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "core/base/check.h"

namespace signet::rpc {
namespace {

Http2Connection& Connection(void* user) { return *static_cast<Http2Connection*>(user); }

Stream* StreamOf(nghttp2_session* session, std::int32_t id) {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

std::string_view Text(const std::uint8_t* data, std::size_t size) { return AsText({data, size}); }

bool Ends(const nghttp2_frame& frame) { return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0; }

/// WellFormed judges what a whole HEADERS or DATA frame adds to its fields and bytes.
bool WellFormed(RequestRules& rules, const nghttp2_frame& frame) {
  return (frame.hd.type != NGHTTP2_HEADERS || rules.HeadersEnd(Ends(frame))) &&
         (!Ends(frame) || rules.RequestEnd());
}

/// RefuseMalformed ends a stream as RFC 9113 §8.1.1 asks. OnFrameSent counts it against the peer,
/// and nghttp2 drops the frames that still come.
void RefuseMalformed(nghttp2_session* session, std::int32_t id) {
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
}

// nghttp2's NGHTTP2_FRAMEBUF_CHUNKLEN: pad length, frame header, largest payload. Should another
// version ask for another size, sessions get buffers of their own again.
constexpr std::size_t kFrameBuffer = 1 + 9 + 16384;

void* Allocate(std::size_t size, void*) { return std::malloc(size); }
void* AllocateZeroed(std::size_t count, std::size_t size, void*) {
  return std::calloc(count, size);
}

void Free(void* memory, void* frame) {
  if (memory != frame) {
    std::free(memory);
  }
}

void* Reallocate(void* memory, std::size_t size, void* frame) {
  if (memory == nullptr && size == kFrameBuffer) {
    return frame;
  }
  if (memory != frame) {
    return std::realloc(memory, size);
  }
  void* own = std::malloc(size);
  if (own != nullptr) {
    std::memcpy(own, frame, std::min(size, kFrameBuffer));
  }
  return own;
}

}  // namespace

nghttp2_mem Http2Callbacks::Memory() {
  static thread_local std::array<std::uint8_t, kFrameBuffer> frame;
  return {frame.data(), Allocate, Free, AllocateZeroed, Reallocate};
}

const nghttp2_session_callbacks* Http2Callbacks::Table() {
  static const nghttp2_session_callbacks* const table = [] {
    nghttp2_session_callbacks* made = nullptr;
    SIGNET_CHECK(nghttp2_session_callbacks_new(&made) == 0, "out of memory");
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, OnBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(made, OnHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, OnFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, OnDataChunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, OnStreamClose);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, OnFrameSent);
    nghttp2_session_callbacks_set_send_data_callback(made, SendData);
    return made;
  }();
  return table;
}

const nghttp2_option* Http2Callbacks::Options() {
  static const nghttp2_option* const options = [] {
    nghttp2_option* made = nullptr;
    SIGNET_CHECK(nghttp2_option_new(&made) == 0, "out of memory");
    nghttp2_option_set_no_auto_window_update(made, 1);
    // RequestRules judges in nghttp2's place, which knows no other way to let `:authority` pass.
    nghttp2_option_set_no_http_messaging(made, 1);
    nghttp2_option_set_max_outbound_ack(made, 128);
    // Our answers repeat three short fields; 4 kB of table a connection would stay empty.
    nghttp2_option_set_max_deflate_dynamic_table_size(made, 256);
    // FrameGuard counts resets by the listener's own limit; this one is the second fence.
    nghttp2_option_set_stream_reset_rate_limit(made, 10'000, 10'000);
    return made;
  }();
  return options;
}

int Http2Callbacks::OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame,
                                   void* user) {
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    Stream* stream = Connection(user).OpenStream(frame->hd.stream_id);
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
  }
  return 0;
}

int Http2Callbacks::OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                             const std::uint8_t* name, std::size_t name_size,
                             const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                             void* user) {
  Stream* stream = StreamOf(session, frame->hd.stream_id);
  if (stream == nullptr) {
    return 0;
  }
  if (!stream->state.rules.Field(Text(name, name_size), Text(value, value_size))) {
    RefuseMalformed(session, frame->hd.stream_id);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // no callback for the rest of the block
  }
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    stream->state.head.Add(Text(name, name_size), Text(value, value_size),
                           Connection(user).service_.limits.max_header_bytes);
  }
  return 0;
}

int Http2Callbacks::OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  Http2Connection& connection = Connection(user);
  if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
    connection.settings_acked_ = true;
  } else if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
    connection.ping_acked_ = true;
  }
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
    return 0;
  }
  Stream* stream = StreamOf(session, frame->hd.stream_id);
  if (stream == nullptr) {
    return 0;
  }
  if (!WellFormed(stream->state.rules, *frame)) {
    RefuseMalformed(session, frame->hd.stream_id);
    return 0;
  }
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    connection.StartCall(*stream);
  }
  if (Ends(*frame)) {
    connection.OnRequestEnd(*stream);
  }
  return 0;
}

int Http2Callbacks::OnDataChunk(nghttp2_session* session, std::uint8_t, std::int32_t id,
                                const std::uint8_t* data, std::size_t size, void* user) {
  // The connection's window is always given back: one call that is not read must not stop the
  // others.
  nghttp2_session_consume_connection(session, size);
  Stream* stream = StreamOf(session, id);
  if (stream == nullptr) {
    return 0;
  }
  if (!stream->state.rules.Data(size)) {
    RefuseMalformed(session, id);
    return 0;
  }
  Connection(user).OnData(*stream, Text(data, size));
  return 0;
}

int Http2Callbacks::OnStreamClose(nghttp2_session* session, std::int32_t id, std::uint32_t,
                                  void* user) {
  if (Stream* stream = StreamOf(session, id)) {
    Connection(user).CloseStream(*stream);
  }
  return 0;
}

int Http2Callbacks::OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  Http2Connection& connection = Connection(user);
  if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR) {
    connection.reset_flood_ |= !connection.guard_.ResetByUs(connection.loop_.now());
    return 0;
  }
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
    return 0;
  }
  connection.guard_.Earned();
  Stream* stream = StreamOf(session, frame->hd.stream_id);
  if (Ends(*frame) && stream != nullptr && !stream->state.request_ended) {
    // The answer is complete before the request: tell the client to stop sending (RFC 9113 §8.1).
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
  }
  return 0;
}

ssize_t Http2Callbacks::ReadData(nghttp2_session* session, std::int32_t id, std::uint8_t*,
                                 std::size_t length, std::uint32_t* flags, nghttp2_data_source*,
                                 void* user) {
  Stream* stream = StreamOf(session, id);
  if (stream == nullptr) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  const Stream::Outlook outlook = stream->Look();
  const std::size_t n = std::min(length, outlook.bytes);
  if (n == 0 && !outlook.finished) {
    stream->state.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  if (n > 0) {
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  }
  if (outlook.finished && n == outlook.bytes) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->state.plain_status == nullptr) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      Connection(user).SubmitTrailers(*stream);
    }
  }
  return static_cast<ssize_t>(n);
}

int Http2Callbacks::SendData(nghttp2_session* session, nghttp2_frame* frame,
                             const std::uint8_t* header, std::size_t length, nghttp2_data_source*,
                             void* user) {
  Http2Connection& connection = Connection(user);
  Stream* stream = StreamOf(session, frame->hd.stream_id);
  if (stream == nullptr || stream->Look().bytes < length) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // aborted between ReadData and now
  }
  connection.out_->append(Text(header, 9));
  connection.OnSent(*stream, length);
  return 0;
}

}  // namespace signet::rpc
