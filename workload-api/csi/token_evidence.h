#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/secret.h"

namespace signet::csi {

/// kMaxTokensBytes bounds the kubelet's list of tokens: a token has 1 to 2 kB, a driver few of
/// them.
inline constexpr std::size_t kMaxTokensBytes = 64 * 1024;

/// PodToken is a token of a pod's own service account. Nothing of it has been checked: that is for
/// the CA.
struct PodToken {
  Secret text;
  SystemTime expires_at;  ///< as the kubelet says
};

/// ReadTokens reads what the kubelet sends for CSIDriver.spec.tokenRequests:
///   {"<audience>": {"token": "…", "expirationTimestamp": "2026-11-22T06:00:00Z"}, …}
/// and takes the token of our audience; an empty one stands for the only token there is. nullopt:
/// none of ours. INVALID_ARGUMENT: malformed; the message never repeats any of it.
Result<std::optional<PodToken>> ReadTokens(std::string_view json, std::string_view audience);

}  // namespace signet::csi
