#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace signet::service {

/// Callers is a set of caller kinds.
enum Callers : std::uint8_t {
  kLocal = 1U << 0,       ///< on the Unix socket
  kAdmin = 1U << 1,       ///< SPIFFE ID configured in admin_ids, or of an entry with admin
  kAgent = 1U << 2,       ///< attested agent, see Authorizer
  kDownstream = 1U << 3,  ///< SPIFFE ID of an entry with downstream
  kAny = 1U << 4,         ///< anyone, without any certificate
};

/// Bucket names the rate limit that a method draws from (spire-api §4).
enum class Bucket : std::uint8_t { kNone, kAttest, kCsr, kJwt, kWit, kPushKey, kStatus };

/// MethodRule is one row of the authorization table.
struct MethodRule {
  std::string_view method;  ///< "/package.Service/Method"
  std::uint8_t callers;     ///< of Callers
  Bucket bucket = Bucket::kNone;
};

/// AllMethods is the whole table: every method of the server API (spire-api §3), our change stream,
/// health and reflection. What is not in it is denied to everybody.
std::span<const MethodRule> AllMethods();
/// FindMethod gives the row, or null.
const MethodRule* FindMethod(std::string_view method);

}  // namespace signet::service
