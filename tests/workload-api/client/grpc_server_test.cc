#include "workload-api/client/grpc_server.h"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "tests/support/result.h"
#include "tests/workload-api/client/fake_provider.h"
#include "tests/workload-api/client/grpc_peers.h"

namespace signet::client {
namespace {

using test::Authority;
using test::FakeProvider;
using test::GrpcServer;
using test::Leaf;
using test::MessageFor;
using test::PlainClient;
using test::SnapshotFor;
using test::Soon;

constexpr const char* kServerId = "spiffe://example.org/server";
constexpr const char* kClientId = "spiffe://example.org/client";

spiffe::SpiffeId Id(const char* text) { return spiffe::SpiffeId::Parse(text).value(); }

// Heard collects what on_refused was told.
class Heard {
 public:
  std::function<void(const Error&)> Listener() {
    return [this](const Error& e) {
      const std::lock_guard lock(mutex_);
      all_ += e.message + "\n";
    };
  }
  std::string all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::string all_;
};

struct World {
  X509Snapshot Trusting(const Authority* federated) const {
    X509Message message = MessageFor(authority, kServerId);
    if (federated != nullptr) {
      message.federated_bundles.emplace("spiffe://foreign.example", federated->der());
    }
    return SnapshotFor(std::move(message));
  }
  Leaf ClientLeaf() const { return authority.Issue({.uris = {kClientId}}); }
  GrpcServerOptions Options(LivePeers live = LivePeers::kUntilRootRemoved) {
    return {.on_refused = heard.Listener(), .live_peers = live};
  }
  // A fresh connection.
  Result<std::string> CallAs(const GrpcServer& server, const Leaf& leaf) const {
    return PlainClient(server.target(), &leaf).Call();
  }

  Heard heard;  // first: the servers' threads tell it things until they end
  Authority authority{"example.org"};
  Authority foreign{"foreign.example"};
  std::shared_ptr<FakeProvider> source = std::make_shared<FakeProvider>(Trusting(nullptr));
};

TEST_CASE("gRPC server: an authorized client is served, and the handler knows who it is") {
  World world;
  const GrpcServer server(world.source, AuthorizeId(Id(kClientId)), world.Options());
  for (const test::LeafRequest& request :
       {test::LeafRequest{.uris = {kClientId}},
        test::LeafRequest{.uris = {kClientId}, .through_intermediate = true},
        test::LeafRequest{.uris = {kClientId}, .rsa = true}}) {
    const Leaf leaf = world.authority.Issue(request);
    PlainClient client(server.target(), &leaf);
    for (int i = 0; i < 3; ++i) {
      const auto answer = client.Call();
      REQUIRE_OK(answer);
      CHECK(*answer == kClientId);
    }
    CHECK(client.server_leaf() == world.source->Current()->default_identity().svid.leaf().der);
  }
  CHECK(world.heard.all().empty());
}

TEST_CASE("gRPC server: whoever is not trusted or not authorized gets no connection") {
  World world;
  // Both domains are trusted, each for its own names alone.
  world.source->Set(world.Trusting(&world.foreign));
  const GrpcServer server(world.source, AuthorizeOneOf({Id(kClientId)}), world.Options());
  const Authority impostor("example.org");
  const struct {
    Leaf leaf;
    const char* told;
  } rows[] = {
      {world.authority.Issue({.uris = {"spiffe://example.org/stranger"}}), "not authorized"},
      {world.foreign.Issue({.uris = {"spiffe://foreign.example/client"}}), "not authorized"},
      {world.foreign.Issue({.uris = {kClientId}}), "not trusted"},  // forged across domains
      {impostor.Issue({.uris = {kClientId}}), "not trusted"},
      {world.authority.Issue({.uris = {kClientId},
                              .not_before = std::chrono::hours(-2),
                              .not_after = std::chrono::hours(-1)}),
       "expired"},
      {world.authority.Issue({.uris = {kClientId}, .not_before = std::chrono::minutes(30)}),
       "not yet valid"},
      {world.authority.Issue({.uris = {kClientId, "spiffe://example.org/b"}}), "URI"},
      {world.authority.Issue({.uris = {}}), "URI"},
  };
  for (const auto& row : rows) {
    REQUIRE_ERROR(world.CallAs(server, row.leaf), Code::kUnavailable, "");
    CHECK_THAT(world.heard.all(), Catch::Contains(row.told));
  }
  REQUIRE_ERROR(world.CallAs(server, Leaf{}), Code::kUnavailable, "");
  REQUIRE_ERROR(PlainClient(server.target(), nullptr).Call(), Code::kUnavailable, "");
  REQUIRE_OK(world.CallAs(server, world.ClientLeaf()));
}

TEST_CASE("gRPC server: another trust domain is refused until its bundle is there") {
  World world;
  const GrpcServer server(world.source, AuthorizeAnyTrustedPeer(), world.Options());
  const Leaf leaf = world.foreign.Issue({.uris = {"spiffe://foreign.example/client"}});
  REQUIRE_ERROR(world.CallAs(server, leaf), Code::kUnavailable, "");
  CHECK_THAT(world.heard.all(), Catch::Contains("no bundle for foreign.example"));
  world.source->Set(world.Trusting(&world.foreign));
  const auto answer = world.CallAs(server, leaf);
  REQUIRE_OK(answer);
  CHECK(*answer == "spiffe://foreign.example/client");
}

TEST_CASE("gRPC server: a removed root ends fresh connections and the calls of open ones") {
  for (const LivePeers live : {LivePeers::kUntilRootRemoved, LivePeers::kKeep}) {
    World world;
    world.source->Set(world.Trusting(&world.foreign));
    const GrpcServer server(world.source, AuthorizeAnyTrustedPeer(), world.Options(live));
    const Leaf leaf = world.foreign.Issue({.uris = {"spiffe://foreign.example/client"}});
    PlainClient open(server.target(), &leaf);
    REQUIRE_OK(open.Call());
    world.source->Set(world.Trusting(nullptr));
    REQUIRE_ERROR(world.CallAs(server, leaf), Code::kUnavailable, "");
    const auto call = open.Call();
    if (live == LivePeers::kKeep) {
      REQUIRE_OK(call);
      continue;
    }
    REQUIRE_ERROR(call, Code::kUnauthenticated, "not trusted");
    world.source->Set(world.Trusting(&world.foreign));
    REQUIRE_OK(open.Call());
  }
}

TEST_CASE("gRPC server: an open connection outlives its certificate, unless that is forbidden") {
  for (const LivePeers live : {LivePeers::kUntilRootRemoved, LivePeers::kUntilExpiry}) {
    World world;
    FakeClock clock(RealClock().Now());
    GrpcServerOptions options = world.Options(live);
    options.clock = &clock;
    const GrpcServer server(world.source, AuthorizeAnyTrustedPeer(), options);
    const Leaf leaf =
        world.authority.Issue({.uris = {kClientId}, .not_after = std::chrono::minutes(10)});
    PlainClient open(server.target(), &leaf);
    REQUIRE_OK(open.Call());
    clock.Advance(std::chrono::minutes(20));
    REQUIRE_ERROR(world.CallAs(server, leaf), Code::kUnavailable, "");
    const auto call = open.Call();
    if (live == LivePeers::kUntilExpiry) {
      REQUIRE_ERROR(call, Code::kUnauthenticated, "");
      CHECK_THAT(world.heard.all(), Catch::Contains("the connection is still the same"));
    } else {
      REQUIRE_OK(call);
    }
  }
}

TEST_CASE("gRPC server: closed without an identity, open with one, closed when it is taken away") {
  World world;
  const X509Snapshot identity = world.source->Current();
  world.source->Set(nullptr);
  const GrpcServer server(world.source, AuthorizeAnyTrustedPeer(), world.Options());
  const Leaf leaf = world.ClientLeaf();
  REQUIRE_ERROR(world.CallAs(server, leaf), Code::kUnavailable, "");
  REQUIRE_ERROR(world.CallAs(server, Leaf{}), Code::kUnavailable, "");
  REQUIRE_ERROR(PlainClient(server.target(), nullptr).Call(), Code::kUnavailable, "");

  world.source->Set(identity);
  REQUIRE(Soon([&] {
    PlainClient client(server.target(), &leaf);
    return client.Call().ok() &&
           client.server_leaf() == identity->default_identity().svid.leaf().der;
  }));
  PlainClient open(server.target(), &leaf);
  REQUIRE_OK(open.Call());

  world.source->Set(nullptr);
  REQUIRE_ERROR(open.Call(), Code::kUnavailable, "no identity");
  REQUIRE_ERROR(world.CallAs(server, leaf), Code::kUnavailable, "");
}

TEST_CASE("gRPC server: closed once our own identity has expired") {
  World world;
  FakeClock clock(RealClock().Now());
  GrpcServerOptions options = world.Options();
  options.clock = &clock;
  const GrpcServer server(world.source, AuthorizeAnyTrustedPeer(), options);
  const Leaf leaf =
      world.authority.Issue({.uris = {kClientId}, .not_after = std::chrono::hours(9)});
  REQUIRE_OK(world.CallAs(server, leaf));
  clock.Advance(std::chrono::hours(2));
  REQUIRE_ERROR(world.CallAs(server, leaf), Code::kUnavailable, "");
  REQUIRE(Soon(
      [&] { return world.heard.all().find("our identity has expired") != std::string::npos; }));
}

TEST_CASE("gRPC server: a key that does not fit its certificate is never served") {
  World world;
  const GrpcServer server(world.source, AuthorizeAnyTrustedPeer(), world.Options());
  const Bytes good = world.source->Current()->default_identity().svid.leaf().der;
  auto mismatched = std::make_shared<X509Context>(*world.Trusting(nullptr));
  mismatched->identities[0].key = crypto::PrivateKey::Generate(crypto::KeyType::kEcP256).value();
  world.source->Set(mismatched);
  REQUIRE(Soon([&] { return world.heard.all().find("does not fit") != std::string::npos; }));
  // Longer than the library takes to read what it might have been given.
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  const Leaf leaf = world.ClientLeaf();
  PlainClient client(server.target(), &leaf);
  REQUIRE_OK(client.Call());
  CHECK(client.server_leaf() == good);
}

TEST_CASE("gRPC server: twelve rotations under load, no call fails, the last one is seen") {
  World world;
  const GrpcServer server(world.source, AuthorizeAnyTrustedPeer(), world.Options());
  const Leaf leaf = world.ClientLeaf();
  std::atomic<bool> done = false;
  std::atomic<int> calls = 0;
  std::atomic<int> failed = 0;
  std::mutex mutex;
  std::set<Bytes> leaves;
  const auto load = [&](bool fresh_connections) {
    PlainClient kept(server.target(), &leaf);
    while (!done) {
      PlainClient fresh(server.target(), &leaf);
      PlainClient& client = fresh_connections ? fresh : kept;
      failed += client.Call().ok() ? 0 : 1;
      ++calls;
      const std::lock_guard lock(mutex);
      leaves.insert(client.server_leaf());
    }
  };
  std::thread on_kept([&] { load(false); });
  std::thread on_fresh([&] { load(true); });
  for (int i = 0; i < 12; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    world.source->Set(world.Trusting(i % 2 == 0 ? &world.foreign : nullptr));
  }
  const Bytes last = world.source->Current()->default_identity().svid.leaf().der;
  CHECK(Soon([&] {
    const std::lock_guard lock(mutex);
    return leaves.count(last) != 0 && calls >= 1000;
  }));
  done = true;
  on_kept.join();
  on_fresh.join();
  CHECK(calls >= 1000);
  CHECK(failed == 0);
  CHECK(leaves.size() >= 2);
}

TEST_CASE("gRPC server: an authorizer or a listener that throws opens nothing") {
  World world;
  const Leaf leaf = world.ClientLeaf();
  GrpcServerOptions options;
  options.on_refused = [](const Error&) { throw std::runtime_error("listener"); };
  const GrpcServer throwing(world.source, AuthorizeIf([](const spiffe::SpiffeId&) -> Status {
                              throw std::runtime_error("judge");
                            }),
                            options);
  REQUIRE_ERROR(world.CallAs(throwing, leaf), Code::kUnavailable, "");
  REQUIRE_ERROR(MakeGrpcServerCredentials(nullptr, AuthorizeAnyTrustedPeer()),
                Code::kInvalidArgument, "source");
}

TEST_CASE("gRPC server: an authorizer that changes its mind ends the calls of open connections") {
  World world;
  std::atomic<bool> closed = false;
  const GrpcServer server(world.source, AuthorizeIf([&](const spiffe::SpiffeId&) -> Status {
                            return closed ? Status(PermissionDenied("not any more")) : Status();
                          }),
                          world.Options());
  const Leaf leaf = world.ClientLeaf();
  PlainClient open(server.target(), &leaf);
  REQUIRE_OK(open.Call());
  closed = true;
  REQUIRE_ERROR(open.Call(), Code::kPermissionDenied, "not authorized");
  CHECK_THAT(world.heard.all(), Catch::Contains("not any more"));
}

TEST_CASE("gRPC server: the program's own processor runs after our check") {
  World world;
  GrpcServerOptions options = world.Options();
  options.processor = test::RefuseCallsWith("x-refuse");
  const GrpcServer server(world.source, AuthorizeAnyTrustedPeer(), options);
  const Leaf leaf = world.ClientLeaf();
  PlainClient client(server.target(), &leaf);
  REQUIRE_OK(client.Call());
  REQUIRE_ERROR(client.Call("x-refuse"), Code::kResourceExhausted, "the program refuses");
  world.source->Set(nullptr);
  REQUIRE_ERROR(client.Call("x-refuse"), Code::kUnavailable, "no identity");
}

TEST_CASE("gRPC server: on a port without our credentials nobody has a name") {
  const GrpcServer server;
  REQUIRE_ERROR(PlainClient(server.target(), nullptr).Call(), Code::kFailedPrecondition,
                "no peer was verified");
}

}  // namespace
}  // namespace signet::client
