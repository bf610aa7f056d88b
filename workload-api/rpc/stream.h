#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "attestor/workload/attestor.h"
#include "core/base/log.h"
#include "core/base/worker_pool.h"
#include "core/rpc/call.h"
#include "workload-api/rpc/workload_api.h"
#include "workload-api/svids/hub.h"

namespace signet::agent_rpc {

/// StreamCounts bounds the open streams, in all and per account. Safe for several threads.
class StreamCounts {
 public:
  explicit StreamCounts(const WorkloadApiOptions& options) : options_(options) {}
  enum class Entry { kAdmitted, kFull, kTooManyOfAccount };
  Entry Enter(const std::string& account);
  void Leave(const std::string& account);

 private:
  const WorkloadApiOptions options_;
  std::mutex mutex_;
  std::size_t total_ = 0;
  std::map<std::string, std::size_t> by_account_;
};

/// StreamWriter turns the states that a stream gets into messages. It is called on the pool, for
/// one state at a time, and must not call the stream.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  /// topic is what the stream has to hear of.
  virtual svids::Topic topic() const = 0;
  /// Attested tells who is calling, before each state.
  virtual void Attested(const attestor::AttestedWorkload&) {}
  virtual void Write(const svids::Update& state) = 0;
};

/// Stream is one open stream of a service that gives callers what they are entitled to.
///
///   opened (event loop) → attested (pool) ─┬→ facts are missing: waits for them, holds no thread
///                                          └→ subscribed → first state
///   then, at each update and whenever the attestor says that its answer may have changed:
///   attested again (pool) ─┬→ the same selectors: the newest update is written
///                          ├→ others, same anchor: subscribed anew, its state is written
///                          └→ another anchor, or gone: over
///
/// At most one task of a stream is queued or running. Updates that come meanwhile are coalesced:
/// the newest is written, once.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(std::shared_ptr<WorkloadApi::Shared> shared, std::shared_ptr<const Door> door,
         std::shared_ptr<rpc::Call> call, std::shared_ptr<StreamWriter> writer);

  /// Begin queues the first attestation.
  void Begin();
  /// WriteAgain has the newest state written once more, after another attestation: the caller has
  /// asked for something else. Begin must have been called.
  void WriteAgain();
  /// Over ends it: the caller has gone, or the call was finished. Event loop.
  void Over();

 private:
  void Wake();
  void Submit();
  void Run();
  void AttestAndServe();
  bool IsSameCaller(const attestor::AttestedWorkload& workload);
  void Serve(const attestor::AttestedWorkload& workload);
  void Subscribe(const attestor::AttestedWorkload& workload);
  void WriteNewest();
  void Write(const svids::Update& update);
  void KeepWatch(const attestor::AttestedWorkload::Watch& watch);
  void Take(std::uint64_t subscription, const svids::Update& update);
  void Finish(const Status& status);
  void LogRefusal(const attestor::AttestedWorkload& workload, const Status& status);

  const std::shared_ptr<WorkloadApi::Shared> shared_;
  const std::shared_ptr<const Door> door_;
  const std::shared_ptr<rpc::Call> call_;
  const std::shared_ptr<StreamWriter> writer_;

  // Of the running task alone.
  std::optional<std::string> anchor_;  ///< of the first attestation
  std::optional<std::vector<spiffe::Selector>> subscribed_;
  svids::Update written_;

  std::mutex mutex_;
  bool over_ = false;
  bool busy_ = false;    ///< a task is queued or running
  bool again_ = false;   ///< something came up since it began
  bool repeat_ = false;  ///< the newest state is to be written even if it was
  std::uint64_t subscription_number_ = 0;
  std::optional<svids::Update> pending_;
  std::vector<std::shared_ptr<void>> deliveries_;  ///< of updates that `pending_` has replaced
  std::unique_ptr<svids::Hub::Subscription> subscription_;
  std::shared_ptr<void> watch_;
};

/// Shared is what all streams on one WorkloadApi's sockets use.
struct WorkloadApi::Shared {
  svids::Hub& hub;
  Logger& logger;
  StreamCounts counts;
  WorkerPool& pool;  ///< a stream has at most one task queued or running, so it cannot overflow
};

/// Admit counts one more stream of the caller's account, which the caller of Admit gives back with
/// StreamCounts::Leave. Without an account the call was refused and is finished.
std::optional<std::string> Admit(WorkloadApi::Shared& shared, const Door& door, rpc::Call& call);

/// OpenStream admits a call whose request has been read, and gives its stream to it. Null: refused,
/// and finished.
std::unique_ptr<rpc::CallHandler> OpenStream(const std::shared_ptr<WorkloadApi::Shared>& shared,
                                             const std::shared_ptr<const Door>& door,
                                             const std::shared_ptr<rpc::Call>& call,
                                             std::shared_ptr<StreamWriter> writer);

}  // namespace signet::agent_rpc
