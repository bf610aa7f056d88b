#include "core/config/paths.h"

#include "tests/support/result.h"

namespace signet::config {
namespace {

TEST_CASE("root's places are the system's, others' are their own, and none are shared") {
  const Environment root{.uid = 0, .runtime_dir = "/run/user/0", .home = "/root"};
  CHECK(*DefaultSocketPath("server", root) == "/run/signet/server/api.sock");
  CHECK(*DefaultDataDir("agent", root) == "/var/lib/signet/agent");

  const Environment user{.uid = 7, .runtime_dir = "/run/user/7", .state_home = "/s", .home = "/h"};
  CHECK(*DefaultSocketPath("agent", user) == "/run/user/7/signet/agent/api.sock");
  CHECK(*DefaultDataDir("server", user) == "/s/signet/server");
  CHECK(*DefaultDataDir("server", {.uid = 7, .home = "/h"}) == "/h/.local/state/signet/server");

  REQUIRE_ERROR(DefaultSocketPath("server", {.uid = 7}), Code::kFailedPrecondition, "-socketPath");
  REQUIRE_ERROR(DefaultDataDir("server", {.uid = 7}), Code::kFailedPrecondition, "-dataDir");
}

TEST_CASE("a socket path must be absolute and fit the kernel's limit") {
  CHECK(CheckSocketPath("/run/a.sock").empty());
  CHECK(CheckSocketPath("/" + std::string(106, 'a')).empty());
  CHECK_THAT(CheckSocketPath("/" + std::string(107, 'a')), Catch::Contains("108 bytes long"));
  CHECK_THAT(CheckSocketPath("a.sock"), Catch::Contains("absolute"));
  CHECK_THAT(CheckSocketPath(""), Catch::Contains("absolute"));
}

}  // namespace
}  // namespace signet::config
