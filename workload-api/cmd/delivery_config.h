#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/spiffe/selector.h"
#include "core/spiffe/spiffe_id.h"
#include "workload-api/delivery/layout.h"
#include "workload-api/delivery/progress.h"
#include "workload-api/reload/action.h"
#include "workload-api/reload/probe.h"

namespace signet::agent_cmd {

/// IdentityChoice says which of several identities a target gets. Neither: the first.
struct IdentityChoice {
  std::optional<spiffe::SpiffeId> id = {};
  std::string hint = {};
};

/// DeliveryTarget is one block of `targets`, checked.
struct DeliveryTarget {
  std::string name;
  std::string dir;
  IdentityChoice identity = {};
  std::vector<spiffe::Selector> selectors =
      {};  ///< inside the agent: of the workload it stands for
  std::vector<delivery::FileSpec> files = {};
  std::optional<reload::ActionSpec> reload = {};
  Duration reload_timeout = std::chrono::seconds(10);
  std::optional<reload::ProbeSpec> verify = {};
  delivery::Pace pace = {};
};

/// HealthPlaces is where health can be asked for over HTTP.
struct HealthPlaces {
  std::string listen = {};  ///< address:port; empty: nowhere
  std::string live_path = "/live";
  std::string ready_path = "/ready";
  bool brief = false;  ///< live and ready alone, without names and errors
};

/// DeliverConfig is the configuration of `signet-agent deliver`.
struct DeliverConfig {
  std::string endpoint;  ///< URI of the Workload API
  HealthPlaces health = {};
  std::vector<DeliveryTarget> targets = {};
  LogOptions log = {};
};

}  // namespace signet::agent_cmd
