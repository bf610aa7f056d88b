#include "workload-api/client/backoff.h"

#include "tests/support/result.h"

namespace signet::client {
namespace {

using std::chrono::milliseconds;

TEST_CASE(
    "Pauses double up to the limit, keep at least half of it, and start again after a reset") {
  FakeRandom random;
  Backoff backoff({milliseconds(100), milliseconds(500)}, random);
  const auto between = [&backoff](int low, int high) {
    const Duration pause = backoff.Next();
    CHECK(pause >= milliseconds(low));
    CHECK(pause <= milliseconds(high));
  };
  between(50, 100);
  between(100, 200);
  between(200, 400);
  for (int i = 0; i < 50; ++i) {
    between(250, 500);
  }
  backoff.Reset();
  between(50, 100);
}

TEST_CASE("Two workloads do not pause equally long") {
  FakeRandom random;
  Backoff a({milliseconds(100), milliseconds(500)}, random);
  Backoff b({milliseconds(100), milliseconds(500)}, random);
  CHECK(a.Next() != b.Next());
}

}  // namespace
}  // namespace signet::client
