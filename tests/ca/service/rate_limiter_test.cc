#include "ca/service/rate_limiter.h"

#include "tests/support/result.h"

using namespace signet;
using service::Bucket;

namespace {

constexpr Duration kForever = Duration::max();

std::int64_t Milliseconds(const Result<Duration>& wait) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(wait.value()).count();
}

}  // namespace

TEST_CASE("the second attestation of a second waits for its token, a queue waits in turn") {
  FakeClock clock;
  service::RateLimiter limiter({}, clock);
  const auto attest = [&] { return limiter.Reserve(Bucket::kAttest, "192.0.2.1", 1, kForever); };
  CHECK(Milliseconds(attest()) == 0);
  CHECK(Milliseconds(attest()) == 1000);
  CHECK(Milliseconds(attest()) == 2000);
  clock.Advance(std::chrono::seconds(3));
  CHECK(Milliseconds(attest()) == 0);
  CHECK(Milliseconds(limiter.Reserve(Bucket::kAttest, "192.0.2.2", 1, kForever)) == 0);
}

TEST_CASE("a wait above the bound or the deadline is refused and takes nothing") {
  FakeClock clock;
  service::RateLimiter limiter({.max_wait = std::chrono::seconds(2)}, clock);
  for (int i = 0; i < 3; ++i) {
    REQUIRE_OK(limiter.Reserve(Bucket::kAttest, "a", 1, kForever));
  }
  REQUIRE_ERROR(limiter.Reserve(Bucket::kAttest, "a", 1, kForever), Code::kResourceExhausted,
                "next 3 s");
  REQUIRE_ERROR(limiter.Reserve(Bucket::kAttest, "a", 1, kForever), Code::kResourceExhausted,
                "next 3 s");
  clock.Advance(std::chrono::seconds(1));
  REQUIRE_ERROR(limiter.Reserve(Bucket::kAttest, "a", 1, std::chrono::seconds(1)),
                Code::kResourceExhausted, "");
  REQUIRE_OK(limiter.Reserve(Bucket::kAttest, "a", 1, kForever));
}

TEST_CASE("a batch above the burst can never pass") {
  FakeClock clock;
  service::RateLimiter limiter({}, clock);
  REQUIRE_OK(limiter.Reserve(Bucket::kCsr, "a", 500, kForever));
  REQUIRE_ERROR(limiter.Reserve(Bucket::kCsr, "a", 501, kForever), Code::kResourceExhausted,
                "rate (501) exceeds burst size (500)");
}

TEST_CASE("switched off, nothing is limited") {
  FakeClock clock;
  service::RateLimiter limiter({.attestation = false, .signing = false}, clock);
  for (int i = 0; i < 10; ++i) {
    CHECK(Milliseconds(limiter.Reserve(Bucket::kAttest, "a", 1, kForever)) == 0);
    CHECK(Milliseconds(limiter.Reserve(Bucket::kCsr, "a", 1000, kForever)) == 0);
  }
}

TEST_CASE("a host cannot multiply its limit with its IPv6 addresses") {
  CHECK(service::RateLimiter::BucketKey("2001:db8::1") ==
        service::RateLimiter::BucketKey("2001:db8::ffff:1:2"));
  CHECK(service::RateLimiter::BucketKey("2001:db8::1") !=
        service::RateLimiter::BucketKey("2001:db8:0:1::1"));
  CHECK(service::RateLimiter::BucketKey("::ffff:192.0.2.1") == "192.0.2.1");
}

TEST_CASE("strangers beyond the bound share one bucket instead of taking memory") {
  FakeClock clock;
  service::RateLimiter limiter({}, clock);
  for (int i = 0; i < 65536; ++i) {
    REQUIRE_OK(limiter.Reserve(Bucket::kAttest, std::to_string(i), 1, kForever));
  }
  CHECK(Milliseconds(limiter.Reserve(Bucket::kAttest, "new1", 1, kForever)) == 0);
  CHECK(Milliseconds(limiter.Reserve(Bucket::kAttest, "new2", 1, kForever)) == 1000);
  clock.Advance(std::chrono::seconds(10));
  limiter.Prune();
  CHECK(Milliseconds(limiter.Reserve(Bucket::kAttest, "new3", 1, kForever)) == 0);
}
