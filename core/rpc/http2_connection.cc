#include "core/rpc/http2_connection.h"

#include <algorithm>
#include <array>

#include "core/base/check.h"
#include "core/rpc/http2_callbacks.h"

namespace signet::rpc {
namespace {

constexpr std::uint32_t kStreamWindow = 256 * 1024;
constexpr std::int32_t kConnectionWindow = 1024 * 1024;

}  // namespace

Http2Connection::Http2Connection(Setup setup)
    : service_(*setup.service),
      loop_(*setup.loop),
      source_(*setup.source),
      peer_(std::move(setup.peer)),
      slot_(std::move(setup.slot)),
      gauges_(std::move(setup.gauges)),
      shared_(std::make_shared<ConnectionShared>(loop_,
                                                 service_.limits.max_pending_bytes_per_connection)),
      guard_(service_.limits, loop_.now()),
      last_call_end_(loop_.now()) {
  nghttp2_mem memory = Http2Callbacks::Memory();
  SIGNET_CHECK(nghttp2_session_server_new3(&session_, Http2Callbacks::Table(), this,
                                           Http2Callbacks::Options(), &memory) == 0,
               "out of memory");
  const auto header_list = static_cast<std::uint32_t>(service_.limits.max_header_bytes);
  const std::array<nghttp2_settings_entry, 3> settings{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, service_.limits.max_streams_per_connection},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, header_list},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  loop_.RequestFlush(source_);
}

Http2Connection::~Http2Connection() {
  DropCalls();
  nghttp2_session_del(session_);
}

void Http2Connection::DropCalls() {
  while (!streams_.empty()) {
    Stream& stream = *streams_.back();
    nghttp2_session_set_stream_user_data(session_, stream.id(), nullptr);
    CloseStream(stream);
  }
}

bool Http2Connection::Receive(ByteView bytes) {
  const std::size_t allowed = guard_.Feed(bytes, loop_.now());
  const ssize_t n = nghttp2_session_mem_recv(session_, bytes.data(), allowed);
  loop_.RequestFlush(source_);
  if (n < 0) {
    close_reason_ = nghttp2_strerror(static_cast<int>(n));
    return false;
  }
  if (guard_.violation() != nullptr) {
    Terminate(NGHTTP2_ENHANCE_YOUR_CALM, guard_.violation());
    return false;
  }
  if (reset_flood_) {
    Terminate(NGHTTP2_ENHANCE_YOUR_CALM, "too many broken streams");
    return false;
  }
  return true;
}

bool Http2Connection::Produce(std::string& out, std::size_t budget) {
  out_ = &out;
  while (out.size() < budget) {
    const std::uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_, &data);
    if (n < 0) {
      close_reason_ = nghttp2_strerror(static_cast<int>(n));
    }
    if (n <= 0) {
      out_ = nullptr;
      return false;
    }
    out.append(AsText({data, static_cast<std::size_t>(n)}));
  }
  out_ = nullptr;
  return true;
}

bool Http2Connection::done() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

void Http2Connection::Ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  ping_acked_ = false;
  loop_.RequestFlush(source_);
}

void Http2Connection::Announce() {
  nghttp2_submit_shutdown_notice(session_);
  Ping();
}

void Http2Connection::Conclude() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  loop_.RequestFlush(source_);
}

void Http2Connection::Terminate(std::uint32_t http2_error, std::string_view why) {
  close_reason_ = why;
  nghttp2_session_terminate_session(session_, http2_error);
  loop_.RequestFlush(source_);
}

void Http2Connection::CancelCalls(const RpcStatus& status) {
  for (const std::shared_ptr<Stream>& stream : streams_) {
    stream->Abort(status);
  }
}

std::optional<MonoTime> Http2Connection::unfinished_since() const {
  std::optional<MonoTime> oldest = guard_.unfinished_since();
  if (partials_ == 0) {
    return oldest;
  }
  for (const std::shared_ptr<Stream>& stream : streams_) {
    const std::optional<MonoTime>& since = stream->state.partial_since;
    if (since && (!oldest || *since < *oldest)) {
      oldest = since;
    }
  }
  return oldest;
}

void Http2Connection::SetPartial(Stream& stream, std::optional<MonoTime> since) {
  partials_ += (since ? 1 : 0) - (stream.state.partial_since ? 1 : 0);
  stream.state.partial_since = since;
}

Stream* Http2Connection::OpenStream(std::int32_t id) {
  auto stream = std::make_shared<Stream>(*this, shared_, slot_, id);
  stream->state.index = streams_.size();
  streams_.push_back(stream);
  had_calls_ = true;
  return stream.get();
}

void Http2Connection::StartCall(Stream& stream) {
  RequestHead head = std::exchange(stream.state.head, {});
  if (!head.post || !head.grpc) {
    stream.state.plain_status = head.post ? "415" : "405";
    SetPartial(stream, loop_.now());
    return;
  }
  if (head.error.code != Code::kOk) {
    return Refuse(stream, std::move(head.error));
  }
  const HandlerFactory* factory = service_.methods.Find(head.path);
  if (factory == nullptr) {
    return Refuse(stream, {Code::kUnimplemented, "unknown method " + head.path.substr(0, 256)});
  }
  if (!slot_->ReserveCall()) {
    return Refuse(stream, {Code::kResourceExhausted, "too many open calls from this peer"});
  }
  stream.state.counted = true;
  gauges_->calls_open.fetch_add(1, std::memory_order_relaxed);
  gauges_->calls_started.fetch_add(1, std::memory_order_relaxed);
  CallInfo info{std::move(head.path), peer_, std::move(head.metadata), std::nullopt};
  if (head.timeout) {
    info.deadline = loop_.now() + *head.timeout;
    loop_.timers().Arm(stream, *info.deadline);
  }
  stream.SetInfo(std::move(info));
  if (service_.interceptor) {
    if (RpcStatus verdict = service_.interceptor(stream.info()); verdict.code != Code::kOk) {
      return Refuse(stream, std::move(verdict));
    }
  }
  stream.state.parser.emplace(service_.limits.max_message_bytes);
  stream.state.parser->set_encoding_named(head.encoding_named);
  stream.state.handler = (*factory)(stream.shared_from_this());
}

void Http2Connection::OnData(Stream& stream, std::string_view bytes) {
  Stream::State& state = stream.state;
  GiveWindow(stream, bytes.size());
  if (!state.handler || !state.parser || stream.over()) {
    return;  // plain HTTP, refused or already answered: what still comes is dropped
  }
  RpcStatus status = state.parser->Feed(bytes, [&stream](std::string_view message) {
    stream.state.handler->OnMessage(message);
    return !stream.over();
  });
  if (status.code == Code::kOk && !Account(stream)) {
    status = {Code::kResourceExhausted, "too many unfinished requests; try again"};
  }
  if (status.code != Code::kOk) {
    state.parser.reset();
    SetPartial(stream, std::nullopt);
    slot_->ReleaseBytes(std::exchange(state.reserved, 0));
    Refuse(stream, std::move(status));
  }
}

/// Account charges the peer for what the parser holds, and notes since when a message is
/// unfinished.
bool Http2Connection::Account(Stream& stream) {
  Stream::State& state = stream.state;
  const std::size_t buffered = state.parser->buffered();
  if (!state.parser->partial()) {
    SetPartial(stream, std::nullopt);
  } else if (!state.partial_since || buffered < state.reserved) {
    SetPartial(stream, loop_.now());
  }
  if (buffered > state.reserved && !slot_->ReserveBytes(buffered - state.reserved)) {
    return false;
  }
  if (buffered < state.reserved) {
    slot_->ReleaseBytes(state.reserved - buffered);
  }
  state.reserved = buffered;
  return true;
}

void Http2Connection::GiveWindow(Stream& stream, std::size_t n) {
  stream.state.held += n;
  if (stream.state.plain_status != nullptr || stream.queued_bytes() <= kHoldAbove) {
    nghttp2_session_consume_stream(session_, stream.id(), std::exchange(stream.state.held, 0));
  }
}

void Http2Connection::OnRequestEnd(Stream& stream) {
  Stream::State& state = stream.state;
  state.request_ended = true;
  if (state.plain_status != nullptr) {
    SetPartial(stream, std::nullopt);
    AnswerPlain(stream);
  } else if (state.parser && state.parser->partial()) {
    SetPartial(stream, std::nullopt);
    Refuse(stream, {Code::kInternal, "request ends in the middle of a message"});
  } else if (state.handler && !stream.over()) {
    state.handler->OnHalfClose();
  }
}

void Http2Connection::CloseStream(Stream& stream) {
  const std::size_t index = stream.state.index;
  const std::shared_ptr<Stream> keep = std::move(streams_[index]);
  if (index + 1 != streams_.size()) {
    streams_[index] = std::move(streams_.back());
    streams_[index]->state.index = index;
  }
  streams_.pop_back();
  SetPartial(stream, std::nullopt);
  loop_.timers().Cancel(stream);
  slot_->ReleaseBytes(std::exchange(stream.state.reserved, 0));
  if (stream.state.counted) {
    slot_->ReleaseCall();
    gauges_->calls_open.fetch_sub(1, std::memory_order_relaxed);
  }
  last_call_end_ = loop_.now();
  stream.Detach();
}

}  // namespace signet::rpc
