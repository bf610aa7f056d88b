#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "attestor/workload/attestor.h"
#include "core/base/log.h"
#include "core/base/worker_pool.h"
#include "core/rpc/call.h"
#include "core/rpc/methods.h"
#include "workload-api/svids/hub.h"

namespace signet::agent_rpc {

struct WorkloadApiOptions {
  std::size_t attest_threads = 2;
  std::size_t max_streams = 8192;          ///< open at once, all callers; UNAVAILABLE above
  std::size_t max_streams_per_uid = 2048;  ///< of a uid or account; RESOURCE_EXHAUSTED above
};

/// Door is one more way in: a listener of its own, whose callers another attestor judges.
struct Door {
  std::shared_ptr<attestor::WorkloadAttestor> attestor;
  std::string account;  ///< what its streams count as, instead of their callers' uids
};

/// WorkloadApi serves the SPIFFE Workload API on a hub: FetchX509SVID and FetchX509Bundles; the JWT
/// and WIT methods answer UNIMPLEMENTED (WL-35). Beside them and under the same rules
/// signet.api.agent.v1.CrossCertificates. A caller is attested when its stream opens, and
/// again before each later message: when its process has ended, or is no longer what it was, the
/// stream ends with PERMISSION_DENIED.
///
/// Must outlive the rpc::Server that has its methods, and whoever publishes to the hub. Hub,
/// attestor and logger must outlive it.
class WorkloadApi {
 public:
  WorkloadApi(svids::Hub& hub, attestor::WorkloadAttestor& attestor, Logger& logger,
              WorkloadApiOptions options = {});
  ~WorkloadApi();
  WorkloadApi(const WorkloadApi&) = delete;
  WorkloadApi& operator=(const WorkloadApi&) = delete;

  /// Beside has another service registered wherever this one is, for the same callers; before the
  /// first AddTo.
  using Registrar = std::function<void(rpc::MethodTable&, const std::shared_ptr<const Door>&)>;
  void Beside(Registrar registrar) { beside_.push_back(std::move(registrar)); }

  /// AddTo registers the methods for callers that the attestor of the constructor judges.
  void AddTo(rpc::MethodTable& methods);
  /// AddTo registers them for a door. Threads and limits are shared by all. Any thread.
  void AddTo(rpc::MethodTable& methods, Door door);

  struct Shared;
  /// shared lets another service attest and count its streams with these.
  const std::shared_ptr<Shared>& shared() const { return shared_; }

 private:
  std::unique_ptr<WorkerPool> pool_;
  std::shared_ptr<Shared> shared_;
  const std::shared_ptr<const Door> main_;
  std::vector<Registrar> beside_;
};

/// RequireSecurityHeader refuses calls to the Workload API (and to CrossCertificates) without
/// exactly one `workload.spiffe.io: true`, which no browser or tricked server can send (EP-06).
/// Reflection and health are exempt, since no SPIFFE specification owns them.
rpc::Interceptor RequireSecurityHeader();

}  // namespace signet::agent_rpc
