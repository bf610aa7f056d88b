#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.h"

namespace signet::service {

/// DenialReason travels as spire.api.types.PermissionDeniedDetails; values are the wire's.
enum class DenialReason : std::uint8_t {
  kNone = 0,
  kAgentExpired = 1,
  kAgentNotAttested = 2,
  kAgentNotActive = 3,
  kAgentBanned = 4,
  kAgentMustReattest = 5,
};

/// Denial is why a call is refused. Agents act on the reason: without it an evicted or banned one
/// would only retry (spire-api §3).
struct Denial {
  Error error;
  DenialReason reason = DenialReason::kNone;
};

}  // namespace signet::service
