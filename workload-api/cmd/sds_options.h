#pragma once

#include <string>
#include <vector>

#include "core/config/schema.h"
#include "workload-api/sds/options.h"

namespace signet::agent_cmd {

/// SdsOptions are the rows of Envoy's secret discovery: SPIRE's block `sds{}` and ours in it.
std::vector<config::Option> SdsOptions();

/// CheckSdsOptions finds names that mean two things.
std::vector<std::string> CheckSdsOptions(const config::Values& values);

sds::Options ReadSdsOptions(const config::Values& values);

}  // namespace signet::agent_cmd
