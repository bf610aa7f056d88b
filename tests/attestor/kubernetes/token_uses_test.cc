#include "attestor/kubernetes/tokens.h"
#include "tests/attestor/kubernetes/token_maker.h"
#include "tests/support/result.h"

namespace signet::kubernetes {
namespace {

using std::chrono::minutes;

struct World {
  explicit World(TokenReuse reuse) : uses(reuse, clock) {
    token.id = "jti-1";
    token.expires_at = clock.Now() + std::chrono::hours(1);
  }
  Status Claim(std::string_view holder, Duration wait = minutes(30), std::string_view text = "t") {
    return uses.Claim(token, text, holder,
                      clock.Now() + std::chrono::duration_cast<SystemTime::duration>(wait));
  }
  FakeClock clock;
  ServiceAccountToken token;
  TokenUses uses;
};

TEST_CASE("token uses: the first holder keeps a token, another is told that it was copied") {
  World world(TokenReuse::kNever);
  CHECK(world.Claim("key A").ok());
  CHECK(world.Claim("key A").ok());
  REQUIRE_ERROR(world.Claim("key B"), Code::kPermissionDenied, "copied");
  world.clock.Advance(minutes(60));  // a verifier still forgives a minute of skew
  REQUIRE_ERROR(world.Claim("key B"), Code::kPermissionDenied, "copied");
}

TEST_CASE("token uses: after half a life another may have the token, and the first not again") {
  World world(TokenReuse::kAfterHalfLife);
  CHECK(world.Claim("key A").ok());
  world.clock.Advance(minutes(29));
  REQUIRE_ERROR(world.Claim("key B"), Code::kPermissionDenied, "copied");
  world.clock.Advance(minutes(1));
  CHECK(world.Claim("key B").ok());
  REQUIRE_ERROR(world.Claim("key A"), Code::kPermissionDenied, "copied");
}

TEST_CASE("token uses: what the holder gets later for the same token counts too") {
  World world(TokenReuse::kAfterHalfLife);
  CHECK(world.Claim("key A").ok());
  world.clock.Advance(minutes(20));
  CHECK(world.Claim("key A").ok());
  world.clock.Advance(minutes(15));
  REQUIRE_ERROR(world.Claim("key B"), Code::kPermissionDenied, "copied");
  world.clock.Advance(minutes(15));
  CHECK(world.Claim("key B").ok());
}

TEST_CASE("token uses: reuse can be allowed, as SPIRE does") {
  World world(TokenReuse::kAlways);
  CHECK(world.Claim("key A").ok());
  CHECK(world.Claim("key B").ok());
}

TEST_CASE("token uses: a token without an id is known by its text, and never mistaken for an id") {
  World world(TokenReuse::kNever);
  world.token.id.clear();
  CHECK(world.Claim("key A", minutes(1), "text 1").ok());
  CHECK(world.Claim("key B", minutes(1), "text 2").ok());
  REQUIRE_ERROR(world.Claim("key B", minutes(1), "text 1"), Code::kPermissionDenied, "copied");
  world.token.id = "text 1";
  CHECK(world.Claim("key B", minutes(1), "text 3").ok());
}

TEST_CASE("token uses: expired tokens are forgotten") {
  World world(TokenReuse::kNever);
  CHECK(world.Claim("key A").ok());
  world.clock.Advance(minutes(62));
  CHECK(world.Claim("key B").ok());
}

TEST_CASE("token uses: a flood of tokens pushes out the one that expires first, and no more") {
  World world(TokenReuse::kNever);
  const auto claim = [&world](int number, std::string_view holder) {
    world.token.id = "flood " + std::to_string(number);
    world.token.expires_at = world.clock.Now() + minutes(60) + std::chrono::milliseconds(number);
    return world.Claim(holder);
  };
  for (int i = 0; i < 100'001; ++i) {
    REQUIRE(claim(i, "key A").ok());
  }
  REQUIRE_ERROR(claim(100'000, "key B"), Code::kPermissionDenied, "copied");
  REQUIRE_ERROR(claim(1, "key B"), Code::kPermissionDenied, "copied");
  CHECK(claim(0, "key B").ok());
}

}  // namespace
}  // namespace signet::kubernetes
