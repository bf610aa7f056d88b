#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "attestor/workload/attestor.h"
#include "core/base/log.h"
#include "core/base/worker_pool.h"
#include "core/rpc/call.h"
#include "workload-api/rpc/workload_api.h"
#include "workload-api/svids/hub.h"

namespace signet::agent_rpc {

/// StreamCounts bounds the open streams, in all and per uid. Safe for several threads.
class StreamCounts {
 public:
  explicit StreamCounts(const WorkloadApiOptions& options) : options_(options) {}
  bool Enter(std::uint32_t uid);
  void Leave(std::uint32_t uid);

 private:
  const WorkloadApiOptions options_;
  std::mutex mutex_;
  std::size_t total_ = 0;
  std::map<std::uint32_t, std::size_t> by_uid_;
};

/// Stream is one open stream of the Workload API.
///
///   opened (event loop) → attested and subscribed (pool) → first state → [update → attested again
///   (pool) → written]* → over
///
/// Updates that come while one is being attested are coalesced: the newest is written, once.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(std::shared_ptr<WorkloadApi::Shared> shared, std::shared_ptr<rpc::Call> call,
         svids::Topic topic);

  /// Begin queues the first attestation.
  void Begin();
  /// Over ends it: the caller has gone, or the call was finished. Event loop.
  void Over();

 private:
  void AttestAndSubscribe();
  void Take(const svids::Update& update);
  void AttestAgainAndWrite();
  void WriteNewest(const svids::Update& update);
  void Finish(const Status& status);
  void LogRefusal(const attestor::AttestedWorkload& workload, const Status& status);

  const std::shared_ptr<WorkloadApi::Shared> shared_;
  const std::shared_ptr<rpc::Call> call_;
  const svids::Topic topic_;
  std::vector<spiffe::Selector>
      selectors_;  ///< set by the first attestation, before any update can come

  std::mutex mutex_;
  bool over_ = false;
  bool queued_ = false;
  std::uint64_t written_version_ = 0;
  std::optional<svids::Update> pending_;
  std::vector<std::shared_ptr<void>> deliveries_;  ///< of updates that `pending_` has replaced
  std::unique_ptr<svids::Hub::Subscription> subscription_;
};

/// Shared is what all streams of one WorkloadApi use.
struct WorkloadApi::Shared {
  svids::Hub& hub;
  attestor::WorkloadAttestor& attestor;
  Logger& logger;
  StreamCounts counts;
  WorkerPool& pool;  ///< a stream has at most one task queued or running, so it cannot overflow
};

}  // namespace signet::agent_rpc
