#pragma once

#include <memory>

#include "core/base/result.h"
#include "workload-api/cmd/helper_options.h"
#include "workload-api/delivery/target.h"

namespace signet::agent_cmd {

struct HelperRun {
  bool unconstrained = false;  ///< foreign roots as they are, as spiffe-helper writes them
  mode_t umask = 022;          ///< of the program that is started
};

/// MakeHelperTarget builds the target that a file of spiffe-helper describes. Without daemon mode
/// nobody is started or signalled.
Result<std::unique_ptr<delivery::Target>> MakeHelperTarget(HelperConfig config, HelperRun run,
                                                           const delivery::Target::World& world);

/// HelperLayout makes the file set of spiffe-helper out of a material. `now` counts for
/// omit_expired alone.
Result<std::vector<delivery::RenderedFile>> HelperLayout(const HelperConfig& config,
                                                         const delivery::Material& material,
                                                         SystemTime now,
                                                         std::vector<std::string>& left_out);

}  // namespace signet::agent_cmd
