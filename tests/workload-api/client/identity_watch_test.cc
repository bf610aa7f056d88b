#include "workload-api/client/identity_watch.h"

#include <future>

#include "tests/support/result.h"
#include "tests/workload-api/client/tls_pair.h"
#include "workload-api/client/ticker.h"

namespace signet::client {
namespace {

using namespace test;  // NOLINT: the kit of this room's tests

std::string Name(IdentityHealth health) {
  const char* const names[] = {"missing", "good", "expiring", "expired"};
  return names[static_cast<int>(health)];
}

TEST_CASE("The watch tells each change once: renewal that does not come, the end, the return") {
  const Authority authority("example.org");
  FakeClock clock(RealClock().Now());
  const auto source = std::make_shared<FakeProvider>();
  std::vector<std::string> heard;
  const auto watch = IdentityWatch::Create(
      {.source = source,
       .on_change = [&heard](IdentityHealth h, const X509Snapshot&) { heard.push_back(Name(h)); },
       .clock = &clock});
  REQUIRE_OK(watch);
  const auto step = [&](Duration by) {
    clock.Advance(by);
    (*watch)->Tick();
    (*watch)->Tick();
    return Name((*watch)->Health());
  };
  CHECK(step({}) == "missing");
  // 61 minutes long, of which the last quarter is a good 15.
  source->Set(SnapshotFor(MessageFor(authority, kClientId)));
  CHECK(step({}) == "good");
  CHECK(step(std::chrono::minutes(44)) == "good");
  CHECK(step(std::chrono::minutes(1)) == "expiring");
  CHECK(step(std::chrono::minutes(16)) == "expired");
  source->Set(SnapshotOf(authority, {.uris = {kClientId}, .not_after = std::chrono::hours(9)}));
  CHECK(step({}) == "good");
  CHECK(heard == std::vector<std::string>{"missing", "good", "expiring", "expired", "good"});
}

TEST_CASE("The time to warn before the end can be chosen") {
  const Authority authority("example.org");
  FakeClock clock(RealClock().Now());
  const auto source = ProviderFor(authority, kClientId);
  const auto watch = IdentityWatch::Create(
      {.source = source, .warn_before = std::chrono::minutes(5), .clock = &clock});
  REQUIRE_OK(watch);
  clock.Advance(std::chrono::minutes(54));
  CHECK((*watch)->Health() == IdentityHealth::kGood);
  clock.Advance(std::chrono::minutes(2));
  CHECK((*watch)->Health() == IdentityHealth::kExpiring);
  CHECK(IdentityWatch::Create({}).code() == Code::kInvalidArgument);
}

TEST_CASE("A ticker ticks by itself, at once when woken, and not after its end") {
  std::atomic<int> ticks = 0;
  std::promise<void> third;
  {
    Ticker ticker(std::chrono::milliseconds(1), [&] {
      if (++ticks == 3) {
        third.set_value();
      }
    });
    third.get_future().wait();
  }
  const int last = ticks;
  CHECK(last >= 3);
  std::promise<void> at_once;
  std::promise<void> woken;
  {
    int calls = 0;
    Ticker slow(std::chrono::hours(1), [&] { (++calls == 1 ? at_once : woken).set_value(); });
    at_once.get_future().wait();
    slow.Wake();
    woken.get_future().wait();
  }
  CHECK(ticks == last);
}

}  // namespace
}  // namespace signet::client
