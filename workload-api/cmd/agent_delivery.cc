#include "workload-api/cmd/agent_delivery.h"

#include <utility>

#include "workload-api/cmd/delivery_hub_feed.h"
#include "workload-api/cmd/delivery_targets.h"

namespace signet::agent_cmd {
namespace {

class Running final : public AgentDelivery {
 public:
  Running(std::vector<std::unique_ptr<delivery::Target>> targets, std::vector<HubFeed::Wish> wishes,
          svids::Hub& hub)
      : driver_(std::move(targets)), feed_(std::move(wishes), hub, driver_) {}

  bool Ready() const override { return driver_.GetHealth().ready; }

 private:
  delivery::Driver driver_;
  HubFeed feed_;  // last: it uses the driver and ends first
};

}  // namespace

Result<std::unique_ptr<AgentDelivery>> AgentDelivery::Start(std::vector<DeliveryTarget> targets,
                                                            svids::Hub& hub,
                                                            const delivery::Target::World& world) {
  if (targets.empty()) {
    return std::unique_ptr<AgentDelivery>();
  }
  std::vector<HubFeed::Wish> wishes;
  for (const DeliveryTarget& target : targets) {
    wishes.push_back({target.selectors, target.identity});
  }
  SIGNET_TRY_ASSIGN(auto made, MakeTargets(std::move(targets), world));
  return std::unique_ptr<AgentDelivery>(
      std::make_unique<Running>(std::move(made), std::move(wishes), hub));
}

}  // namespace signet::agent_cmd
