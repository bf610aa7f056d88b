#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace signet::rpc {

/// RpcStatus ends a call. `details` is a serialized google.rpc.Status, sent as
/// grpc-status-details-bin when not empty.
struct RpcStatus {
  Code code = Code::kOk;
  std::string message = {};
  std::string details = {};

  static RpcStatus Of(const Status& status) {
    return status.ok() ? RpcStatus{} : RpcStatus{status.error().code, status.error().message};
  }
};

/// PeerProcess pins the process at the other end of a Unix socket: the credentials of connect time
/// and a pidfd that was taken at accept. While the pidfd is open the pid cannot come to mean
/// another process without being noticed.
struct PeerProcess {
  int pid = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  UniqueFd pidfd;
  std::uint64_t start_time = 0;  ///< field 22 of /proc/<pid>/stat, clock ticks; 0 if unreadable

  /// Alive polls the pidfd. Ask again after the last read of /proc/<pid>, before the answer is
  /// used.
  bool Alive() const;
};

/// Peer is who is calling. Exactly one of process (Unix) and address (TCP) is set.
struct Peer {
  std::shared_ptr<const PeerProcess> process;  ///< Unix socket callers
  std::string address;                         ///< TCP: numeric host without port
  std::vector<Bytes> certificates;  ///< TLS client chain, leaf first, DER; empty if none was sent
};

/// Metadata holds the request's headers without pseudo-headers and without those of the protocol
/// itself (te, content-type, grpc-timeout, grpc-encoding, grpc-accept-encoding); names are lower
/// case, -bin values decoded.
class Metadata {
 public:
  void Add(std::string name, std::string value) {
    entries_.emplace_back(std::move(name), std::move(value));
  }
  /// All gives every value of a name, in order.
  std::vector<std::string_view> All(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

/// CallInfo is what is known of a call before its first message. Immutable.
struct CallInfo {
  std::string method;  ///< "/package.Service/Method"
  std::shared_ptr<const Peer> peer;
  Metadata metadata;
  std::optional<MonoTime> deadline;  ///< from grpc-timeout
};

/// Call is the answering side of one RPC. Every function may be called from any thread and never
/// blocks; once the call is over (finished, cancelled, deadline, connection gone) they do nothing.
class Call {
 public:
  virtual ~Call() = default;
  virtual const CallInfo& info() const = 0;

  /// SendInitialMetadata adds response headers; before the first Write.
  virtual void SendInitialMetadata(Metadata metadata) = 0;
  /// Write queues one message. A caller that streams must watch queued_bytes() or use OnWritable.
  virtual void Write(std::shared_ptr<const std::string> message) = 0;
  /// WriteLatest queues a message that stands for the whole state: one that was not sent yet is
  /// replaced, so that a slow reader costs one message of memory and always gets the newest.
  virtual void WriteLatest(std::shared_ptr<const std::string> message) = 0;
  /// Finish ends the call after what was written, with optional trailing metadata.
  virtual void Finish(RpcStatus status, Metadata trailers = {}) = 0;

  virtual std::size_t queued_bytes() const = 0;
  /// over: nothing that is written now can arrive.
  virtual bool over() const = 0;
};

/// CallHandler receives one call's events, one at a time, on the event loop of its connection; it
/// must not block.
class CallHandler {
 public:
  virtual ~CallHandler() = default;
  virtual void OnMessage(std::string_view message) = 0;  ///< the view ends with the function
  virtual void OnHalfClose() = 0;                        ///< the client has sent its last message
  virtual void OnWritable() {}                           ///< the queue has drained to empty
  /// OnDone is the last event, always: finished, cancelled by the client, past its deadline, or
  /// disconnected.
  virtual void OnDone() {}
};

/// HandlerFactory makes the handler of a new call. It may Finish the call at once (and still
/// returns a handler).
using HandlerFactory = std::function<std::unique_ptr<CallHandler>(std::shared_ptr<Call>)>;

/// Interceptor runs before the factory, on the event loop; a status other than OK ends the call.
using Interceptor = std::function<RpcStatus(const CallInfo&)>;

}  // namespace signet::rpc
