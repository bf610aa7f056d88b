#include "workload-api/client/peer_judge.h"

#include <atomic>
#include <thread>

#include "core/crypto/pem.h"
#include "tests/support/result.h"
#include "tests/workload-api/client/fake_provider.h"
#include "tests/workload-api/client/test_pki.h"

namespace signet::client {
namespace {

using test::Authority;
using test::FakeProvider;
using test::Leaf;
using test::MessageFor;
using test::SnapshotFor;
using Expired = PeerJudge::Expired;

constexpr const char* kOurs = "spiffe://example.org/us";
constexpr const char* kPeer = "spiffe://example.org/peer";

// Shown is a chain as the gRPC library gives it to a server: the leaf is not among the others.
struct Shown {
  explicit Shown(const Leaf& issued) {
    for (std::size_t i = 0; i < issued.chain.size(); ++i) {
      (i == 0 ? leaf : others) += crypto::PemEncode("CERTIFICATE", issued.chain[i]);
    }
  }
  PresentedChain chain() const { return {leaf, others}; }
  std::string leaf;
  std::string others;
};

struct World {
  X509Snapshot Snapshot() const { return SnapshotFor(MessageFor(authority, kOurs)); }
  PeerJudge Judge(Authorizer authorizer = AuthorizeAnyTrustedPeer()) {
    return {source, std::move(authorizer), {&clock, [this](const Error& e) { told = e.message; }}};
  }
  Authority authority{"example.org"};
  FakeClock clock{RealClock().Now()};
  std::shared_ptr<FakeProvider> source = std::make_shared<FakeProvider>(Snapshot());
  Shown peer{authority.Issue({.uris = {kPeer}})};
  std::string told;
};

TEST_CASE("A chain is accepted with intermediates, and with the leaf among them") {
  World world;
  const PeerJudge judge = world.Judge();
  Shown shown(world.authority.Issue({.uris = {kPeer}, .through_intermediate = true}));
  REQUIRE_OK(judge.AtHandshake(shown.chain()));
  CHECK(judge.AtHandshake(shown.chain())->ToString() == kPeer);
  shown.others = shown.leaf + shown.others;
  REQUIRE_OK(judge.AtHandshake(shown.chain()));
  shown.others.clear();  // a resumed session does not carry the intermediates
  REQUIRE_ERROR(judge.AtHandshake(shown.chain()), Code::kUnauthenticated, "not trusted");
}

TEST_CASE("What is no chain is refused, and the reason is told") {
  World world;
  const PeerJudge judge = world.Judge();
  const std::string two = world.peer.leaf + world.peer.leaf;
  const std::string empty = crypto::PemEncode("CERTIFICATE", Bytes{0x30, 0x00});
  for (const PresentedChain& chain :
       {PresentedChain{}, PresentedChain{two, ""}, PresentedChain{"garbage", ""},
        PresentedChain{world.peer.leaf, "garbage"}, PresentedChain{empty, ""}}) {
    world.told.clear();
    CHECK_FALSE(judge.AtHandshake(chain).ok());
    CHECK_THAT(world.told, Catch::StartsWith("peer refused: "));
    CHECK_FALSE(judge.AtCall(chain, Expired::kTolerate).ok());
    CHECK_THAT(world.told, Catch::StartsWith("call refused: "));
  }
}

TEST_CASE("A call after a change of the bundle is judged by the new bundle, remembered or not") {
  World world;
  const PeerJudge judge = world.Judge();
  const X509Snapshot trusting = world.source->Current();
  const Authority next("example.org");
  for (int i = 0; i < 3; ++i) {
    REQUIRE_OK(judge.AtCall(world.peer.chain(), Expired::kRefuse));
    world.source->Set(SnapshotFor(MessageFor(next, kOurs)));
    REQUIRE_ERROR(judge.AtCall(world.peer.chain(), Expired::kRefuse), Code::kUnauthenticated,
                  "not trusted");
    world.source->Set(nullptr);
    REQUIRE_ERROR(judge.AtCall(world.peer.chain(), Expired::kRefuse), Code::kUnavailable,
                  "no identity");
    world.source->Set(trusting);
  }
}

TEST_CASE("The end of a remembered certificate bites at once, where it shall") {
  World world;
  const PeerJudge judge = world.Judge();
  const Shown brief(world.authority.Issue({.uris = {kPeer}, .not_after = std::chrono::seconds(3)}));
  REQUIRE_OK(judge.AtCall(brief.chain(), Expired::kRefuse));
  world.clock.Advance(std::chrono::seconds(4));
  REQUIRE_ERROR(judge.AtCall(brief.chain(), Expired::kRefuse), Code::kUnauthenticated, "expired");
  REQUIRE_OK(judge.AtCall(brief.chain(), Expired::kTolerate));
  world.clock.Advance(std::chrono::minutes(5));  // not remembered any more
  REQUIRE_OK(judge.AtCall(brief.chain(), Expired::kTolerate));
  REQUIRE_ERROR(judge.AtCall(brief.chain(), Expired::kRefuse), Code::kUnauthenticated, "expired");
  REQUIRE_ERROR(judge.AtHandshake(brief.chain()), Code::kUnauthenticated, "expired");
}

TEST_CASE("A clock that is set back does not make remembered verdicts last") {
  World world;
  const PeerJudge judge = world.Judge();
  REQUIRE_OK(judge.AtCall(world.peer.chain(), Expired::kRefuse));
  world.clock.JumpWall(-std::chrono::hours(24));
  REQUIRE_ERROR(judge.AtCall(world.peer.chain(), Expired::kRefuse), Code::kUnauthenticated,
                "not yet valid");
}

TEST_CASE("A handshake needs a valid identity of our own, and the authorizer's word") {
  World world;
  REQUIRE_ERROR(world.Judge(AuthorizeOneOf({})).AtHandshake(world.peer.chain()),
                Code::kPermissionDenied, "not authorized");
  REQUIRE_ERROR(world.Judge(AuthorizeOneOf({})).AtCall(world.peer.chain(), Expired::kTolerate),
                Code::kPermissionDenied, "not authorized");
  const PeerJudge judge = world.Judge();
  world.clock.Advance(std::chrono::hours(2));
  REQUIRE_ERROR(judge.AtHandshake(world.peer.chain()), Code::kUnavailable, "our own identity");
  world.source->Set(nullptr);
  REQUIRE_ERROR(judge.AtHandshake(world.peer.chain()), Code::kUnavailable, "no identity");
}

TEST_CASE("Calls on many threads are judged while the bundles rotate") {
  World world;
  const PeerJudge judge{world.source, AuthorizeAnyTrustedPeer(), {&world.clock, {}}};
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!done) {
        failed += judge.AtCall(world.peer.chain(), Expired::kRefuse).ok() ? 0 : 1;
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    world.source->Set(world.Snapshot());
  }
  done = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(failed == 0);
}

}  // namespace
}  // namespace signet::client
