#include "workload-api/client/verdict.h"

#include "tests/support/result.h"

namespace signet::client {
namespace {

TEST_CASE("What a ticket says of its peer is read back exactly, and nothing else is read") {
  const Verdict verdict{spiffe::SpiffeId::Parse("spiffe://example.org/client").value(),
                        FromUnixSeconds(1'800'000'000),
                        {1, 2, 3},
                        {4, 5, 6}};
  const Bytes data = EncodeVerdict(verdict);
  const auto read = DecodeVerdict(data);
  REQUIRE_OK(read);
  CHECK(read->id == verdict.id);
  CHECK(read->not_after == verdict.not_after);
  CHECK(read->authority == verdict.authority);
  CHECK(read->epoch == verdict.epoch);
  for (std::size_t size = 0; size <= 73 + 9; ++size) {
    CHECK_FALSE(DecodeVerdict(ByteView(data).first(size)).ok());
  }
  Bytes other = data;
  other[0] = 2;
  CHECK_FALSE(DecodeVerdict(other).ok());
  other = data;
  other[65] = 0xff;
  CHECK_FALSE(DecodeVerdict(other).ok());
}

}  // namespace
}  // namespace signet::client
