#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "core/rpc/call.h"
#include "core/rpc/grpc_framing.h"
#include "core/rpc/limits.h"
#include "core/rpc/loop.h"
#include "core/rpc/request_head.h"
#include "core/rpc/request_rules.h"

namespace signet::rpc {

class Http2Connection;

/// ConnectionShared is what the calls of one connection use from any thread; it outlives the
/// connection.
struct ConnectionShared {
  ConnectionShared(Loop& l, std::size_t max) : loop(&l), max_pending(max) {}
  Loop* loop;  ///< used only while the stream is attached
  std::size_t max_pending;
  std::atomic<std::size_t> pending{0};  ///< unsent bytes that count against max_pending
};

/// Stream is one HTTP/2 stream: the Call that handlers see, and the half that the loop works on.
///
///   other threads: Write/Finish → outbox (mutex) → Post     loop: RunTask → Http2Connection::Serve
///   → nghttp2 nghttp2 asks for DATA → Take                            closed → Detach → OnDone
class Stream final : public Call,
                     public Task,
                     public Timer,
                     public std::enable_shared_from_this<Stream> {
 public:
  Stream(Http2Connection& connection, std::shared_ptr<ConnectionShared> shared,
         std::shared_ptr<Slot> slot, std::int32_t id);
  ~Stream() override;

  // Call: any thread.
  const CallInfo& info() const override { return info_; }
  void SendInitialMetadata(Metadata metadata) override;
  void Write(std::shared_ptr<const std::string> message) override;
  void WriteLatest(std::shared_ptr<const std::string> message) override;
  void Finish(RpcStatus status, Metadata trailers) override;
  std::size_t queued_bytes() const override;
  bool over() const override;

  /// Abort ends the call with a status and drops what was not sent. Any thread.
  void Abort(RpcStatus status);
  /// WriteRaw queues bytes without gRPC's prefix: the text of a plain HTTP answer.
  void WriteRaw(std::string text);

  // Loop only, from here on.
  void RunTask() override;
  void OnTimer(MonoTime now) override;

  /// Detach cuts the stream off from its connection: nothing written from now on arrives; the
  /// handler gets OnDone.
  void Detach();
  /// Done tells the handler that the call is over, once, and lets it go.
  void Done();
  void SetInfo(CallInfo info) { info_ = std::move(info); }

  /// Outlook is what there is to send, as seen under the lock.
  struct Outlook {
    std::size_t bytes = 0;  ///< framed messages that wait
    bool finished = false;  ///< no more will be written
    bool aborted = false;
  };
  Outlook Look() const;
  std::optional<Metadata> TakeInitial();
  /// TakeEnd gives the status and the trailing metadata, once.
  std::pair<RpcStatus, Metadata> TakeEnd();
  /// Take appends the next n bytes of framed messages to out.
  /// It returns true if that was all.
  bool Take(std::size_t n, std::string& out);

  /// State that only the connection reads and writes.
  struct State {
    RequestHead head;
    RequestRules rules;
    std::unique_ptr<CallHandler> handler;
    std::optional<MessageParser> parser;
    std::optional<MonoTime> partial_since;
    std::size_t reserved = 0;  ///< of the peer's byte budget, for an unfinished message
    std::size_t held = 0;      ///< received bytes whose window is not given back yet
    std::size_t index = 0;     ///< in the connection's list
    bool headers_sent = false;
    bool trailers_sent = false;
    bool deferred = false;               ///< nghttp2 waits for us to resume DATA
    const char* plain_status = nullptr;  ///< not gRPC: the HTTP status of the answer
    bool request_ended = false;
    bool counted = false;  ///< in the peer's calls
  } state;
  std::int32_t id() const { return id_; }
  const std::shared_ptr<Slot>& slot() const { return slot_; }

 private:
  struct Outgoing {
    std::string prefix = {};
    std::shared_ptr<const std::string> message = {};
    bool latest = false;
    bool charged = false;
    std::size_t size() const { return prefix.size() + message->size(); }
  };
  void Queue(Outgoing item);  ///< mutex held
  void Schedule();            ///< mutex held
  void ClearOutbox();         ///< mutex held
  bool Charge(std::size_t n);
  void Refund(const Outgoing& item);
  void AbortLocked(RpcStatus status);

  Http2Connection* connection_;  ///< loop only; null once detached
  const std::int32_t id_;
  CallInfo info_;
  const std::shared_ptr<ConnectionShared> shared_;
  std::shared_ptr<Slot> slot_;

  mutable std::mutex mutex_;
  std::vector<Outgoing> outbox_;
  std::size_t head_ = 0;    ///< first unsent item of outbox_
  std::size_t offset_ = 0;  ///< bytes of it that are sent
  std::size_t queued_ = 0;
  std::optional<Metadata> initial_;
  Metadata trailers_;
  RpcStatus status_;
  bool finished_ = false;
  bool aborted_ = false;
  bool detached_ = false;
  bool scheduled_ = false;
};

}  // namespace signet::rpc
