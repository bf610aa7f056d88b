#include "workload-api/client/endpoint.h"

#include <cstdlib>

#include "tests/support/result.h"

namespace signet::client {
namespace {

TEST_CASE("An endpoint is a unix path or a tcp IP and port, and comes back as it was") {
  struct Row {
    const char* uri;
    const char* path_or_ip;
    int port;
    const char* again;
  };
  const Row rows[] = {
      {"unix:///run/api.sock", "/run/api.sock", 0, "unix:///run/api.sock"},
      {"unix:/run/api.sock", "/run/api.sock", 0, "unix:///run/api.sock"},
      {"unix:///a%20b%25.sock", "/a b%.sock", 0, "unix:///a%20b%25.sock"},
      {"UNIX:///run/Api.sock", "/run/Api.sock", 0, "unix:///run/Api.sock"},
      {"tcp://127.0.0.1:8000", "127.0.0.1", 8000, "tcp://127.0.0.1:8000"},
      {"Tcp://127.0.0.1:1", "127.0.0.1", 1, "tcp://127.0.0.1:1"},
      {"tcp://[::1]:65535", "::1", 65535, "tcp://[::1]:65535"},
  };
  for (const Row& row : rows) {
    INFO(row.uri);
    const auto endpoint = ParseEndpoint(row.uri);
    REQUIRE_OK(endpoint);
    const bool tcp = endpoint->kind == Endpoint::Kind::kTcp;
    CHECK((tcp ? endpoint->ip : endpoint->path) == row.path_or_ip);
    CHECK(endpoint->port == row.port);
    CHECK(endpoint->ToString() == row.again);
  }
}

TEST_CASE("EP-09, EP-10, EP-11: every other form of endpoint is refused with its reason") {
  const std::string long_path = "unix:///" + std::string(107, 'x');
  const std::pair<std::string, const char*> rows[] = {
      {"", "scheme"},
      {"/tmp/s", "scheme"},
      {"http://127.0.0.1:80", "scheme"},
      {"unixx:///tmp/s", "scheme"},
      {"uni", "scheme"},
      {"unix://foo", "authority"},
      {"unix://foo/bar", "authority"},
      {"unix:rel", "absolute"},
      {"unix:", "absolute"},
      {"unix://", "authority"},
      {"unix:///", "folder"},
      {"unix:///tmp/", "folder"},
      {"unix:///p?q", "query"},
      {"unix:///p#f", "fragment"},
      {"unix:///p%", "percent"},
      {"unix:///p%0", "percent"},
      {"unix:///p%zz", "percent"},
      {"unix:///p%00", "percent"},
      {std::string("unix:///p\0x", 11), "NUL"},
      {long_path, "longer than 107"},
      {"tcp:127.0.0.1:1", "tcp://"},
      {"tcp://localhost:1", "IP literal"},
      {"tcp://1.2.3.4", "port"},
      {"tcp://[::1]", "port"},
      {"tcp://::1:80", "IP literal"},
      {"tcp://[127.0.0.1]:80", "IP literal"},
      {"tcp://127.1:80", "IP literal"},
      {"tcp://u@127.0.0.1:80", "IP literal"},
      {"tcp://1.2.3.4:", "1 to 65535"},
      {"tcp://1.2.3.4:0", "1 to 65535"},
      {"tcp://1.2.3.4:65536", "1 to 65535"},
      {"tcp://1.2.3.4:-1", "1 to 65535"},
      {"tcp://1.2.3.4:80/", "1 to 65535"},
      {"tcp://1.2.3.4:80/x", "1 to 65535"},
      {"tcp://1.2.3.4:80?q", "query"},
      {"tcp://:80", "IP literal"},
  };
  for (const auto& [uri, why] : rows) {
    INFO(uri);
    REQUIRE_ERROR(ParseEndpoint(uri), Code::kInvalidArgument, why);
  }
  CHECK(ParseEndpoint("unix:///" + std::string(106, 'x')).ok());
}

TEST_CASE("EP-08: without an address the environment decides, and says what is wrong with it") {
  ::unsetenv(kEndpointVariable);
  REQUIRE_ERROR(EndpointFromEnvironment(), Code::kFailedPrecondition, "not set");
  ::setenv(kEndpointVariable, "", 1);
  REQUIRE_ERROR(EndpointFromEnvironment(), Code::kFailedPrecondition, "not set");
  ::setenv(kEndpointVariable, "/tmp/s", 1);
  REQUIRE_ERROR(EndpointFromEnvironment(), Code::kInvalidArgument, "SPIFFE_ENDPOINT_SOCKET");
  ::setenv(kEndpointVariable, "unix:///tmp/s", 1);
  REQUIRE_OK(EndpointFromEnvironment());
  CHECK(EndpointFromEnvironment()->path == "/tmp/s");
  ::unsetenv(kEndpointVariable);
}

}  // namespace
}  // namespace signet::client
