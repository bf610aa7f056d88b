#pragma once

#include <memory>
#include <vector>

#include "core/base/result.h"
#include "workload-api/cmd/delivery_config.h"
#include "workload-api/delivery/target.h"
#include "workload-api/svids/hub.h"

namespace signet::agent_cmd {

/// AgentDelivery writes identities as files inside the agent, for workloads that it is told of by
/// their selectors.
class AgentDelivery {
 public:
  /// What the agent's health service calls it; it serves while every target is ready.
  static constexpr char kService[] = "signet.delivery";

  /// Start gives null for no targets: nothing runs then. The hub must outlive it.
  static Result<std::unique_ptr<AgentDelivery>> Start(std::vector<DeliveryTarget> targets,
                                                      svids::Hub& hub,
                                                      const delivery::Target::World& world);
  virtual ~AgentDelivery() = default;
  virtual bool Ready() const = 0;
};

}  // namespace signet::agent_cmd
