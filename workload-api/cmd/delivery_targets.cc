#include "workload-api/cmd/delivery_targets.h"

#include <utility>

namespace signet::agent_cmd {

Result<std::vector<std::unique_ptr<delivery::Target>>> MakeTargets(
    std::vector<DeliveryTarget> configured, const delivery::Target::World& world) {
  std::vector<std::unique_ptr<delivery::Target>> targets;
  for (DeliveryTarget& target : configured) {
    delivery::SiteSpec site{.dir = target.dir,
                            .files = std::move(target.files),
                            .action_timeout = target.reload_timeout,
                            .probe = std::move(target.verify)};
    if (target.reload) {
      SIGNET_TRY_ASSIGN(site.action,
                        reload::MakeAction(*target.reload).Context("target " + target.name));
    }
    targets.push_back(std::make_unique<delivery::Target>(
        std::move(target.name), delivery::MakeSite(std::move(site)), target.pace, world));
  }
  return targets;
}

std::vector<IdentityChoice> Choices(const std::vector<DeliveryTarget>& configured) {
  std::vector<IdentityChoice> choices;
  for (const DeliveryTarget& target : configured) {
    choices.push_back(target.identity);
  }
  return choices;
}

}  // namespace signet::agent_cmd
