#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace signet::rpc {

/// ParseTimeout reads grpc-timeout: 1 to 8 digits and one of H M S m u n.
Result<Duration> ParseTimeout(std::string_view text);

/// PercentEncode writes grpc-message: bytes outside 0x20-0x7E and '%' become %XX.
std::string PercentEncode(std::string_view text);

/// EncodeBinary writes the value of a -bin header: base64 without padding, as gRPC libraries do.
std::string EncodeBinary(std::string_view value);
/// DecodeBinary reads a -bin header: several values joined by commas, each padded or not.
Result<std::vector<std::string>> DecodeBinary(std::string_view text);

/// IsGrpcContentType: "application/grpc", alone or followed by '+' or ';'.
bool IsGrpcContentType(std::string_view value);

}  // namespace signet::rpc
