#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"

class X509SVIDResponse;  // workload.proto has no package

namespace signet::api::agent::v1 {
class ListStreamsResponse;
}

namespace signet::agent_cmd {

/// WorkloadClient calls an agent's Workload API socket for the `api` commands, which see this
/// alone.
class WorkloadClient {
 public:
  virtual ~WorkloadClient() = default;
  /// WatchX509 opens FetchX509SVID and hands over every response until the receiver returns false
  /// (then OK), the stream ends (its error), or `timeout` has passed (zero: never).
  virtual Status WatchX509(Duration timeout,
                           const std::function<bool(const X509SVIDResponse&)>& receive) = 0;
  /// Healthy asks the health service; UNAVAILABLE says why not.
  virtual Status Healthy() = 0;
  /// ListSecretStreams asks for the open SDS streams; UNIMPLEMENTED if the agent has SDS off.
  virtual Status ListSecretStreams(api::agent::v1::ListStreamsResponse& response) = 0;
};

/// ConnectAgent opens an agent's Unix socket. UNAVAILABLE or PERMISSION_DENIED says which socket
/// was tried and what to do.
Result<std::unique_ptr<WorkloadClient>> ConnectAgent(const std::string& socket_path);

using AgentConnector =
    std::function<Result<std::unique_ptr<WorkloadClient>>(const std::string& socket_path)>;

}  // namespace signet::agent_cmd
