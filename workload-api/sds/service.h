#pragma once

#include <memory>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/ticker.h"
#include "core/rpc/methods.h"
#include "workload-api/rpc/workload_api.h"
#include "workload-api/sds/options.h"
#include "workload-api/sds/wire.h"

namespace signet::sds {

/// SecretDiscovery serves Envoy's SDS v3 beside a Workload API: StreamSecrets, DeltaSecrets and
/// FetchSecrets, to the same callers on the same sockets, attested and counted with its streams.
/// A stream lives until its caller has no identity any more (PERMISSION_DENIED).
///
/// Must outlive the rpc::Server that has its methods. The Workload API, clock and random must
/// outlive it.
class SecretDiscovery {
 public:
  struct World {
    const Clock& clock;
    Random& random;
  };
  SecretDiscovery(const agent_rpc::WorkloadApi& api, Options options, const World& world);
  ~SecretDiscovery();
  SecretDiscovery(const SecretDiscovery&) = delete;
  SecretDiscovery& operator=(const SecretDiscovery&) = delete;

  /// AddTo registers the methods for the callers of a door. Any thread.
  void AddTo(rpc::MethodTable& methods, const std::shared_ptr<const agent_rpc::Door>& door);
  /// AddListTo registers signet.api.agent.v1.SecretStreams, which tells operators of open streams.
  void AddListTo(rpc::MethodTable& methods);

  /// refusals counts the open streams on which something stands refused. It is no reason to restart
  /// an agent; health tells it under the name of the service.
  std::size_t refusals() const;

  /// RenewTicketKeys has those told who seal tickets with keys that were replaced, and gives the
  /// time until the next ones. The service's own thread does so in time.
  Duration RenewTicketKeys() const;

  static constexpr char kService[] = "envoy.service.secret.v3.SecretDiscoveryService";

 private:
  struct Shared;
  class StreamHandler;
  class FetchHandler;
  struct Served {
    std::shared_ptr<Shared> shared;
    std::shared_ptr<const agent_rpc::Door> door;
    Variant variant;
  };
  static rpc::HandlerFactory Streams(Served served);
  static rpc::HandlerFactory Fetch(Served served);
  rpc::HandlerFactory List() const;

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Ticker> ticker_;
};

}  // namespace signet::sds
