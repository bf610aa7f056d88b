#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/config/schema.h"
#include "workload-api/authorizer/authorizer.h"

namespace signet::agent_cmd {

/// AuthorizerOptions are the rows of the HTTP authorizer.
std::vector<config::Option> AuthorizerOptions();

/// CheckAuthorizer finds what no single option shows: policies that nobody could pass or ask.
std::vector<std::string> CheckAuthorizer(const config::Values& values);

/// ReadAuthorizer gives none without the block. Users and groups are looked up on this machine; one
/// that is not there is INVALID_ARGUMENT.
Result<std::optional<authorizer::Options>> ReadAuthorizer(const config::Values& values);

}  // namespace signet::agent_cmd
