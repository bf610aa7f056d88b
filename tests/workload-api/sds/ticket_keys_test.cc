#include "workload-api/sds/ticket_keys.h"

#include <chrono>

#include "tests/support/result.h"

namespace signet::sds {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

std::vector<std::string> Texts(const std::vector<Secret>& keys) {
  std::vector<std::string> texts;
  for (const Secret& key : keys) {
    texts.push_back(ToString(key.RevealSecret()));
  }
  return texts;
}

struct World {
  FakeClock clock;
  FakeRandom random;
  TicketKeys keys{clock, random};
  std::vector<std::string> Of(const std::string& scope = "web") { return Texts(keys.Keys(scope)); }
};

TEST_CASE("ticket keys are 80 bytes, the same for a scope and others for another") {
  World world;
  const auto web = world.Of();
  REQUIRE(web.size() == 1);
  CHECK(web[0].size() == 80);
  CHECK(world.Of() == web);
  CHECK(world.Of("db") != web);
  CHECK(web[0].substr(0, 16) != web[0].substr(32, 16));
}

TEST_CASE("SDS-39: each hour another key seals, and that of the hour before still opens") {
  World world;
  const auto first = world.Of();
  CHECK(world.keys.NextChange() == hours(1));
  world.clock.Advance(minutes(59));
  CHECK(world.Of() == first);
  CHECK(world.keys.NextChange() == minutes(1));
  world.clock.Advance(minutes(1));
  const auto second = world.Of();
  REQUIRE(second.size() == 2);
  CHECK(second[1] == first[0]);
  CHECK(second[0] != first[0]);
  world.clock.Advance(hours(1));
  const auto third = world.Of();
  REQUIRE(third.size() == 2);
  CHECK(third[1] == second[0]);
}

TEST_CASE("after two hours of sleep no old key opens anything") {
  World world;
  const auto first = world.Of();
  world.clock.Advance(hours(2));
  const auto later = world.Of();
  REQUIRE(later.size() == 1);
  CHECK(later[0] != first[0]);
}

}  // namespace
}  // namespace signet::sds
