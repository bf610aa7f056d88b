#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/rpc/frame_guard.h"
#include "core/rpc/server.h"
#include "core/rpc/stream.h"

struct nghttp2_session;

namespace signet::rpc {

/// Gauges are the server's counters, shared by its connections.
struct Gauges {
  std::atomic<std::uint64_t> connections_open{0};
  std::atomic<std::uint64_t> calls_open{0};
  std::atomic<std::uint64_t> connections_accepted{0};
  std::atomic<std::uint64_t> connections_refused{0};
  std::atomic<std::uint64_t> calls_started{0};
};

/// Service is what all connections of a listener share; immutable while it serves.
struct Service {
  MethodTable methods;
  Interceptor interceptor;
  Limits limits;
};

/// Http2Connection is the protocol half of a connection: bytes in, bytes out, calls in between. It
/// has no socket; who owns it moves the bytes and watches the time. It belongs to one loop's
/// thread.
class Http2Connection {
 public:
  struct Setup {
    const Service* service;
    Loop* loop;
    Source* source;  ///< gets a flush when there is something to produce
    std::shared_ptr<const Peer> peer;
    std::shared_ptr<Slot> slot;
    std::shared_ptr<Gauges> gauges;
  };
  explicit Http2Connection(Setup setup);
  ~Http2Connection();  ///< ends every call
  Http2Connection(const Http2Connection&) = delete;
  Http2Connection& operator=(const Http2Connection&) = delete;

  /// Receive takes the peer's bytes. False: the connection is broken; produce what is left (a
  /// GOAWAY) and close.
  bool Receive(ByteView bytes);
  /// Produce appends what may be sent now, about `budget` bytes at most; true if there may be more.
  bool Produce(std::string& out, std::size_t budget);
  /// done: neither side has anything to say any more.
  bool done() const;

  void Ping();
  /// Announce is the first GOAWAY (no new calls soon), Conclude the second, with the last call that
  /// will be answered.
  void Announce();
  void Conclude();
  /// Terminate sends GOAWAY with an HTTP/2 error code; then done().
  void Terminate(std::uint32_t http2_error, std::string_view why);
  /// DropCalls ends every open call without a word to the peer.
  void DropCalls();
  /// CancelCalls ends every open call with a status.
  void CancelCalls(const RpcStatus& status);

  // Facts for whoever watches the time.
  bool settings_acked() const { return settings_acked_; }
  bool ping_acked() const { return ping_acked_; }  ///< the last Ping was answered
  std::size_t open_calls() const { return streams_.size(); }
  bool had_calls() const { return had_calls_; }
  MonoTime last_call_end() const { return last_call_end_; }
  /// unfinished_since: the start of the oldest frame, header block or message that has not come to
  /// its end
  std::optional<MonoTime> unfinished_since() const;
  const Peer& peer() const { return *peer_; }
  const std::string& close_reason() const { return close_reason_; }

  /// Serve moves a stream's answer on, after its outbox changed. Called by Stream.
  void Serve(Stream& stream);

 private:
  friend struct Http2Callbacks;
  /// A call that does not read its answers gets no more window for requests beyond this.
  static constexpr std::size_t kHoldAbove = 256 * 1024;

  // Receiving (http2_connection.cc)
  Stream* OpenStream(std::int32_t id);
  void StartCall(Stream& stream);
  void OnData(Stream& stream, std::string_view bytes);
  void OnRequestEnd(Stream& stream);
  void CloseStream(Stream& stream);
  bool Account(Stream& stream);
  void SetPartial(Stream& stream, std::optional<MonoTime> since);
  void GiveWindow(Stream& stream, std::size_t n);
  // Answering (http2_respond.cc)
  void Refuse(Stream& stream, RpcStatus status);
  void AnswerPlain(Stream& stream);
  void SubmitHeaders(Stream& stream, const Metadata& initial);
  void SubmitTrailersOnly(Stream& stream);
  void SubmitTrailers(Stream& stream);
  bool Blocked(const Stream& stream) const;
  void OnSent(Stream& stream, std::size_t n);

  const Service& service_;
  Loop& loop_;
  Source& source_;
  const std::shared_ptr<const Peer> peer_;
  const std::shared_ptr<Slot> slot_;
  const std::shared_ptr<Gauges> gauges_;
  const std::shared_ptr<ConnectionShared> shared_;
  FrameGuard guard_;
  nghttp2_session* session_ = nullptr;
  std::string* out_ = nullptr;  ///< during Produce
  std::vector<std::shared_ptr<Stream>> streams_;
  MonoTime last_call_end_;
  int partials_ = 0;  ///< streams in the middle of a message
  bool settings_acked_ = false;
  bool ping_acked_ = false;
  bool had_calls_ = false;
  bool reset_flood_ = false;
  std::string close_reason_;
};

}  // namespace signet::rpc
