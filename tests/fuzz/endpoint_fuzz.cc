// What ParseEndpoint accepts is an absolute path or an IP with a port, and comes back from its own
// text unchanged.
#include <cstdint>
#include <string_view>

#include "core/base/check.h"
#include "workload-api/client/endpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using signet::client::Endpoint;
  const auto endpoint = signet::client::ParseEndpoint({reinterpret_cast<const char*>(data), size});
  if (!endpoint.ok()) {
    return 0;
  }
  const bool unix_socket = endpoint->kind == Endpoint::Kind::kUnix;
  SIGNET_CHECK(unix_socket ? endpoint->path.starts_with('/') && endpoint->ip.empty()
                           : endpoint->path.empty() && endpoint->port > 0,
               "exactly one kind");
  const auto again = signet::client::ParseEndpoint(endpoint->ToString());
  SIGNET_CHECK(again.ok(), endpoint->ToString());
  SIGNET_CHECK(
      again->path == endpoint->path && again->ip == endpoint->ip && again->port == endpoint->port,
      "the text form means another endpoint");
  return 0;
}
