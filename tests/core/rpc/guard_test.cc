#include <nghttp2/nghttp2.h>

#include "core/rpc/frame_guard.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::rpc;

namespace {

std::string Frame(std::uint8_t type, std::uint8_t flags, std::size_t size) {
  std::string frame{static_cast<char>(size >> 16),
                    static_cast<char>(size >> 8),
                    static_cast<char>(size),
                    static_cast<char>(type),
                    static_cast<char>(flags),
                    0,
                    0,
                    0,
                    1};
  return frame + std::string(size, 'p');
}

const std::string kPreface = NGHTTP2_CLIENT_MAGIC;
const MonoTime kNow{std::chrono::hours(1)};

/// PassedIn feeds the wire in chunks and counts what was passed on.
std::size_t PassedIn(FrameGuard& guard, const std::string& wire, std::size_t chunk) {
  std::size_t passed = 0;
  for (std::size_t at = 0; at < wire.size() && guard.violation() == nullptr; at += chunk) {
    passed += guard.Feed(AsBytes(std::string_view(wire).substr(at, chunk)), kNow);
  }
  return passed;
}

std::string Violation(const std::string& wire, std::size_t chunk = 1000) {
  FrameGuard guard({}, kNow);
  PassedIn(guard, kPreface + wire, chunk);
  return guard.violation() == nullptr ? "" : guard.violation();
}

std::string Repeat(const std::string& frame, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) {
    all += frame;
  }
  return all;
}

}  // namespace

TEST_CASE("ordinary frames pass whole, however they are cut") {
  const std::string wire = kPreface + Frame(4, 0, 6) + Frame(1, 4, 16'000) + Frame(0, 1, 16'384) +
                           Frame(1, 0, 8000) + Frame(9, 0, 4000) + Frame(9, 4, 4000) +
                           Frame(8, 0, 4);
  for (const std::size_t chunk : {1UL, 2UL, 7UL, 100UL, wire.size()}) {
    FrameGuard guard({}, kNow);
    CHECK(PassedIn(guard, wire, chunk) == wire.size());
    CHECK_FALSE(guard.unfinished_since());
  }
}

TEST_CASE("a header block over the limit is stopped before its bytes are passed on") {
  FrameGuard guard({}, kNow);
  const std::string fine = kPreface + Frame(1, 0, 16'000);
  const std::string wire = fine + Frame(9, 4, 1000);
  CHECK(PassedIn(guard, wire, wire.size()) == fine.size());
  CHECK(guard.violation() == std::string("header block is too long"));
}

TEST_CASE("floods are told from work") {
  CHECK(Violation(Frame(1, 0, 10) + Repeat(Frame(9, 0, 0), 8)).empty());
  CHECK(Violation(Frame(1, 0, 10) + Repeat(Frame(9, 0, 0), 9)) == "too many CONTINUATION frames");
  CHECK(Violation(Repeat(Frame(1, 5, 10) + Frame(3, 0, 4), 200)).empty());
  CHECK(Violation(Repeat(Frame(1, 5, 10) + Frame(3, 0, 4), 201)) == "streams are reset too fast");
  for (const std::uint8_t type :
       std::initializer_list<std::uint8_t>{2, 4, 6, 12}) {  // PRIORITY, SETTINGS, PING, unknown
    CHECK(Violation(Repeat(Frame(type, 0, 0), 1000)).empty());
    CHECK(Violation(Repeat(Frame(type, 0, 0), 1001)) == "control frames come too fast");
  }
  CHECK(Violation(Repeat(Frame(0, 0, 0), 1001)) == "control frames come too fast");
  CHECK(Violation(Repeat(Frame(0, 0, 1), 5000) + Repeat(Frame(8, 0, 4), 5000)).empty());
}

TEST_CASE("frames of ours earn the peer control frames") {
  FrameGuard guard({}, kNow);
  PassedIn(guard, kPreface, 24);
  for (int i = 0; i < 5000; ++i) {
    PassedIn(guard, Frame(6, 0, 8), 17);
    guard.Earned();
  }
  CHECK(guard.violation() == nullptr);
}

TEST_CASE("an unfinished frame or header block is known with its beginning") {
  FrameGuard guard({}, kNow);
  CHECK(guard.unfinished_since() == kNow);  // the preface
  PassedIn(guard, kPreface, 24);
  CHECK_FALSE(guard.unfinished_since());
  guard.Feed(AsBytes(Frame(1, 0, 10)), kNow + std::chrono::seconds(1));
  CHECK(guard.unfinished_since() == kNow + std::chrono::seconds(1));  // END_HEADERS is missing
  guard.Feed(AsBytes(Frame(9, 4, 1)), kNow + std::chrono::seconds(2));
  CHECK_FALSE(guard.unfinished_since());
  guard.Feed(AsBytes("\x00"), kNow + std::chrono::seconds(3));
}
