#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/config/schema.h"
#include "workload-api/cmd/delivery_config.h"
#include "workload-api/reload/action.h"

namespace signet::agent_cmd {

/// HelperConfig is what a configuration file of spiffe-helper asks for, checked.
struct HelperConfig {
  std::string endpoint;                   ///< URI of the Workload API
  HealthPlaces health = {};               ///< `listen` empty: off
  DeliveryTarget target = {};             ///< its files, modes and identity
  std::vector<std::string> command = {};  ///< program and arguments to start; empty: none
  std::string renew_signal = {};          ///< as reload::ActionSpec has it; empty: none
  std::string pid_file = {};              ///< of a process to signal; empty: none
  bool add_intermediates_to_bundle = false;
  bool include_federated_domains = false;
  bool omit_expired = false;
  bool daemon = true;
};

/// HelperOptions are spiffe-helper's keys. Those of JWT-SVIDs are problems, or ignored.
std::vector<config::Option> HelperOptions(bool ignore_jwt);

struct HelperChoices {
  bool ignore_jwt = false;
  std::string endpoint_variable = {};  ///< value of SPIFFE_ENDPOINT_SOCKET
  std::string working_directory = {};  ///< what relative paths of the file start from
};
/// LoadHelperConfig reads spiffe-helper's HCL file. INVALID_ARGUMENT lists every problem, one a
/// line, each with its place.
Result<HelperConfig> LoadHelperConfig(const std::string& file, const HelperChoices& choices);

/// SplitArguments cuts cmd_args at single spaces, except within double quotes, where "" is one
/// quote: the rules of CSV, which spiffe-helper uses. Two spaces make an empty argument.
Result<std::vector<std::string>> SplitArguments(std::string_view text);

}  // namespace signet::agent_cmd
