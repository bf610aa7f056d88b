#include "workload-api/svids/rotation.h"

#include <catch2/catch.hpp>

#include "tests/workload-api/svids/entries.h"

namespace signet::svids {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::kStart;

SvidTimes Times(Duration ttl, double jitter = 0.5) {
  return {.not_before = kStart - seconds(10),
          .not_after = kStart + ttl,
          .received_wall = kStart,
          .received_mono = MonoTime(seconds(500)),
          .jitter = jitter};
}

Duration RenewAfter(const SvidTimes& times, Duration wall, Duration mono) {
  return RenewIn(times, kStart + wall, times.received_mono + mono);
}

TEST_CASE("renewal is due at half life, ten percent earlier or later by the jitter") {
  const Duration ttl = GENERATE(as<Duration>(), seconds(6), seconds(100), hours(1));
  CHECK(RenewAfter(Times(ttl), {}, {}) == ttl / 2);
  CHECK(RenewAfter(Times(ttl, 0.0), {}, {}) == ttl * 45 / 100);
  CHECK(RenewAfter(Times(ttl, 0.9999999), {}, {}) < ttl * 55 / 100);
  CHECK(RenewAfter(Times(ttl), ttl / 2, ttl / 2) == Duration::zero());
}

TEST_CASE(
    "a certificate that lives six seconds is not due when it arrives, although notBefore is "
    "backdated by ten") {
  CHECK(RenewAfter(Times(seconds(6), 0.0), {}, {}) > seconds(2));
}

TEST_CASE("a wall clock set back an hour does not delay renewal") {
  CHECK(RenewAfter(Times(seconds(100)), -hours(1), seconds(51)) < Duration::zero());
}

TEST_CASE(
    "a wall clock set back before the certificate came bounds its lifetime by what the CA wrote") {
  SvidTimes times = Times(seconds(100));
  times.received_wall -= hours(1);
  CHECK(Lifetime(times) == seconds(110));
}

TEST_CASE("a machine that slept renews by the wall clock") {
  CHECK(RenewAfter(Times(seconds(100)), seconds(80), seconds(1)) < Duration::zero());
}

TEST_CASE("a node whose clock is ahead does not renew all the time") {
  SvidTimes times = Times(seconds(100));
  times.received_wall += hours(1);
  CHECK(Lifetime(times) == seconds(110));
  CHECK(RenewIn(times, times.received_wall, times.received_mono) > seconds(40));
}

}  // namespace
}  // namespace signet::svids
