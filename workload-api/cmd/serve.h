#pragma once

#include <memory>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/base/result.h"
#include "workload-api/cmd/agent_config.h"

namespace signet::agent_cmd {

/// AgentWorld is what the agent takes from outside. All must outlive the agent.
struct AgentWorld {
  const Clock& clock;
  Random& random;
  Logger& logger;
};

/// RunningAgent is a whole agent in this process: the Workload API socket, the attestor and the
/// manager that keeps identities fresh. The destructor stops it.
class RunningAgent {
 public:
  /// Start checks the configuration against the machine (data directory writable, socket free, key
  /// files' modes), binds the socket and begins to attest in the background; until then the socket
  /// answers UNAVAILABLE with the reason.
  static Result<std::unique_ptr<RunningAgent>> Start(AgentConfig config, const AgentWorld& world);
  virtual ~RunningAgent() = default;

  /// Ready: attested, synced at least once, and serving.
  virtual bool Ready() const = 0;
  /// Wait blocks until Stop (OK) or until the agent cannot go on (banned, no way to attest again):
  /// the error says what to do. The process should then end with a failure.
  virtual Status Wait() = 0;
  /// Stop lets Wait return; any thread, not a signal handler.
  virtual void Stop() = 0;
};

}  // namespace signet::agent_cmd
