#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/ticker.h"
#include "workload-api/cmd/delivery_config.h"
#include "workload-api/delivery/driver.h"
#include "workload-api/svids/hub.h"

namespace signet::agent_cmd {

/// HubFeed brings identities to the targets of a driver inside the agent: each target gets what a
/// workload of its selectors would get.
class HubFeed {
 public:
  struct Wish {
    std::vector<spiffe::Selector> selectors;
    IdentityChoice identity = {};
  };
  /// `wishes` has one for each target. hub and driver must outlive the feed.
  HubFeed(std::vector<Wish> wishes, svids::Hub& hub, delivery::Driver& driver);
  ~HubFeed();
  HubFeed(const HubFeed&) = delete;
  HubFeed& operator=(const HubFeed&) = delete;

 private:
  struct Mailbox;
  Duration Step();
  void Subscribe(std::size_t target);
  void Take(std::size_t target, const svids::Update& update);

  const std::vector<Wish> wishes_;
  svids::Hub& hub_;
  delivery::Driver& driver_;
  std::vector<std::unique_ptr<svids::Hub::Subscription>> subscriptions_;  ///< null: none now
  std::vector<std::uint64_t> seen_;  ///< version of the last update that was taken
  const std::shared_ptr<Mailbox> mailbox_;
  std::unique_ptr<Ticker> ticker_;  // last: it uses the others and ends first
};

}  // namespace signet::agent_cmd
