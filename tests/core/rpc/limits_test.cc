#include "core/rpc/limits.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::rpc;
using namespace std::chrono_literals;

namespace {
const MonoTime kNow{1h};
}

TEST_CASE("a token bucket gives its burst, then its rate") {
  TokenBucket bucket(10, 3);
  CHECK(bucket.Take(kNow));
  CHECK(bucket.Take(kNow));
  CHECK(bucket.Take(kNow));
  CHECK_FALSE(bucket.Take(kNow));
  CHECK_FALSE(bucket.Take(kNow + 99ms));
  CHECK(bucket.Take(kNow + 100ms));
  CHECK_FALSE(bucket.Take(kNow + 100ms));
  CHECK(bucket.Full(kNow + 10s));
}

TEST_CASE("a peer's connections, arrivals and the total are limited apart") {
  PeerTable table;
  const Limits limits{.max_connections = 3, .max_connections_per_peer = 2};
  auto a1 = table.Admit("a", limits, kNow);
  auto a2 = table.Admit("a", limits, kNow);
  REQUIRE_OK(a1);
  REQUIRE_OK(a2);
  REQUIRE_ERROR(table.Admit("a", limits, kNow), Code::kResourceExhausted, "connections from a");
  auto b1 = table.Admit("b", limits, kNow);
  REQUIRE_OK(b1);
  REQUIRE_ERROR(table.Admit("c", limits, kNow), Code::kResourceExhausted, "too many connections");
  a1->reset();
  CHECK(table.Admit("c", limits, kNow).ok());
  CHECK(table.connections() == 2);
}

TEST_CASE("new connections a second are limited for each peer") {
  PeerTable table;
  const Limits limits{.new_connections_per_second_per_peer = 2};
  for (int i = 0; i < 4; ++i) {
    CHECK(table.Admit("a", limits, kNow).ok());
  }
  REQUIRE_ERROR(table.Admit("a", limits, kNow), Code::kResourceExhausted, "a second from a");
  CHECK(table.Admit("b", limits, kNow).ok());
  CHECK(table.Admit("a", limits, kNow + 1s).ok());
}

TEST_CASE("one peer holds at most half of the buffered bytes, and gives them back") {
  PeerTable table;
  const Limits limits{.max_calls_per_peer = 2, .max_buffered_bytes = 100};
  const auto a = *table.Admit("a", limits, kNow);
  const auto b = *table.Admit("b", limits, kNow);
  const auto c = *table.Admit("c", limits, kNow);
  CHECK(a->ReserveBytes(50));
  CHECK_FALSE(a->ReserveBytes(1));
  CHECK(b->ReserveBytes(40));
  CHECK_FALSE(c->ReserveBytes(11));
  CHECK(c->ReserveBytes(10));
  a->ReleaseBytes(50);
  CHECK(c->ReserveBytes(40));
  CHECK(table.bytes() == 90);
  CHECK(a->ReserveCall());
  CHECK(a->ReserveCall());
  CHECK_FALSE(a->ReserveCall());
  a->ReleaseCall();
  CHECK(a->ReserveCall());
}

TEST_CASE("peers that have left are forgotten") {
  PeerTable table;
  const Limits limits;
  for (int i = 0; i < 10'000; ++i) {
    CHECK(table.Admit("ip:" + std::to_string(i), limits, kNow + std::chrono::seconds(i)).ok());
  }
  CHECK(table.peers() < 1000);
}

TEST_CASE("IPv6 addresses count by their /64") {
  CHECK(AddressKey("10.1.2.3") == "10.1.2.3");
  CHECK(AddressKey("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
  CHECK(AddressKey("2001:db8:1:2::9") == "2001:db8:1:2::/64");
}
