#include "workload-api/client/grpc_channel.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "tests/support/result.h"
#include "tests/workload-api/client/fake_provider.h"
#include "tests/workload-api/client/grpc_peers.h"

namespace signet::client {
namespace {

using test::Authority;
using test::CallOn;
using test::FakeProvider;
using test::GrpcServer;
using test::Leaf;
using test::MessageFor;
using test::SnapshotFor;
using test::Soon;

constexpr const char* kServerId = "spiffe://example.org/server";
constexpr const char* kClientId = "spiffe://example.org/client";

spiffe::SpiffeId Id(const char* text) { return spiffe::SpiffeId::Parse(text).value(); }

X509Snapshot Trusting(const Authority& authority, const Authority* federated = nullptr) {
  X509Message message = MessageFor(authority, kClientId);
  if (federated != nullptr) {
    message.federated_bundles.emplace("spiffe://foreign.example", federated->der());
  }
  return SnapshotFor(std::move(message));
}

struct World {
  std::shared_ptr<SpiffeChannel> Channel(const GrpcServer& server, Authorizer authorizer,
                                         const Clock* clock = nullptr) {
    GrpcChannelOptions options{.clock = clock, .on_refused = [this](const Error& e) {
                                 const std::lock_guard lock(mutex);
                                 all += e.message + "\n";
                               }};
    return SpiffeChannel::Create(server.target(), source, std::move(authorizer), options).value();
  }
  std::string heard() {
    const std::lock_guard lock(mutex);
    return all;
  }

  std::mutex mutex;
  std::string all;
  Authority authority{"example.org"};
  Authority foreign{"foreign.example"};
  std::shared_ptr<FakeProvider> source = std::make_shared<FakeProvider>(Trusting(authority));
};

TEST_CASE("gRPC channel: twelve rotations under load, no call fails, each certificate is seen") {
  World world;
  const auto servers =
      std::make_shared<FakeProvider>(SnapshotFor(MessageFor(world.authority, kServerId)));
  const GrpcServer server(servers, AuthorizeId(Id(kClientId)));
  const auto channel = world.Channel(server, AuthorizeId(Id(kServerId)));
  std::atomic<bool> done = false;
  std::atomic<int> calls = 0;
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!done) {
        const auto answer = CallOn(channel);
        failed += answer.ok() && *answer == kClientId ? 0 : 1;
        ++calls;
      }
    });
  }
  bool all_seen = Soon([&] { return calls >= 80; });
  for (int i = 1; i <= 12; ++i) {
    world.source->Set(Trusting(world.authority, i % 2 == 0 ? &world.foreign : nullptr));
    const int before = calls;
    all_seen =
        all_seen && Soon([&] {
          return server.clients_seen() == static_cast<std::size_t>(i) + 1 && calls >= before + 80;
        });
  }
  done = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(all_seen);
  CHECK(calls >= 1000);
  CHECK(failed == 0);
}

TEST_CASE("gRPC channel: a server that is not trusted or not authorized gets no call") {
  World world;
  world.source->Set(Trusting(world.authority, &world.foreign));
  const Authority impostor("example.org");
  const struct {
    Leaf leaf;
    const char* told;
  } rows[] = {
      {world.authority.Issue({.uris = {"spiffe://example.org/stranger"}}), "not authorized"},
      {world.foreign.Issue({.uris = {kServerId}}), "not trusted"},  // forged across domains
      {impostor.Issue({.uris = {kServerId}}), "not trusted"},
      {world.authority.Issue({.uris = {kServerId},
                              .not_before = std::chrono::hours(-2),
                              .not_after = std::chrono::hours(-1)}),
       "expired"},
      {world.authority.Issue({.uris = {}}), "URI"},
  };
  for (const auto& row : rows) {
    const GrpcServer server(row.leaf);
    REQUIRE_ERROR(CallOn(world.Channel(server, AuthorizeId(Id(kServerId)))), Code::kUnavailable,
                  "");
    CHECK_THAT(world.heard(), Catch::Contains(row.told));
  }
  const GrpcServer plaintext;
  REQUIRE_ERROR(CallOn(world.Channel(plaintext, AuthorizeAnyTrustedPeer())), Code::kUnavailable,
                "");
}

TEST_CASE("gRPC channel: another trust domain's server is refused but while its bundle is there") {
  World world;
  X509Message message = MessageFor(world.foreign, "spiffe://foreign.example/server");
  message.federated_bundles.emplace("spiffe://example.org", world.authority.der());
  const GrpcServer server(std::make_shared<FakeProvider>(SnapshotFor(std::move(message))),
                          AuthorizeAnyTrustedPeer());
  const auto channel = world.Channel(server, AuthorizeAnyTrustedPeer());
  REQUIRE_ERROR(CallOn(channel), Code::kUnavailable, "");
  CHECK_THAT(world.heard(), Catch::Contains("no bundle for foreign.example"));
  world.source->Set(Trusting(world.authority, &world.foreign));
  REQUIRE_OK(CallOn(channel));
  // The open connection was good; the next call must not use it.
  world.source->Set(Trusting(world.authority));
  REQUIRE_ERROR(CallOn(channel), Code::kUnavailable, "");
}

TEST_CASE("gRPC channel: a stream that runs during rotations finishes where it began") {
  World world;
  GrpcServer server(
      std::make_shared<FakeProvider>(SnapshotFor(MessageFor(world.authority, kServerId))),
      AuthorizeId(Id(kClientId)));
  const auto channel = world.Channel(server, AuthorizeId(Id(kServerId)));
  test::OpenStream stream(channel);
  for (int i = 0; i < 3; ++i) {
    world.source->Set(Trusting(world.authority));
    REQUIRE_OK(CallOn(channel));
  }
  server.FinishStreams();
  REQUIRE_OK(stream.Finish());
}

TEST_CASE("gRPC channel: no identity, none any more, or an expired one give no channel") {
  World world;
  const X509Snapshot identity = world.source->Current();
  const GrpcServer server(
      std::make_shared<FakeProvider>(SnapshotFor(MessageFor(world.authority, kServerId))),
      AuthorizeAnyTrustedPeer());
  FakeClock clock(RealClock().Now());
  const auto channel = world.Channel(server, AuthorizeAnyTrustedPeer(), &clock);
  for (int i = 0; i < 2; ++i) {
    world.source->Set(nullptr);
    REQUIRE_ERROR(channel->Channel(), Code::kUnavailable, "no identity");
    world.source->Set(identity);
    REQUIRE_OK(CallOn(channel));
  }
  clock.Advance(std::chrono::hours(2));
  REQUIRE_ERROR(channel->Channel(), Code::kUnavailable, "expired");
  REQUIRE_ERROR(SpiffeChannel::Create("", nullptr, AuthorizeAnyTrustedPeer()),
                Code::kInvalidArgument, "source");
}

TEST_CASE("gRPC channel: a key that does not fit leaves the last good channel") {
  World world;
  const GrpcServer server(
      std::make_shared<FakeProvider>(SnapshotFor(MessageFor(world.authority, kServerId))),
      AuthorizeAnyTrustedPeer());
  const auto channel = world.Channel(server, AuthorizeAnyTrustedPeer());
  auto mismatched = std::make_shared<X509Context>(*world.source->Current());
  mismatched->identities[0].key = crypto::PrivateKey::Generate(crypto::KeyType::kEcP256).value();
  const X509Snapshot good = world.source->Current();

  world.source->Set(mismatched);
  REQUIRE_ERROR(channel->Channel(), Code::kUnavailable, "no identity of ours");
  world.source->Set(good);
  const auto first = channel->Channel();
  REQUIRE_OK(first);
  REQUIRE_OK(CallOn(channel));
  world.source->Set(mismatched);
  CHECK(channel->Channel().value() == *first);
  REQUIRE_OK(CallOn(channel));
  CHECK_THAT(world.heard(), Catch::Contains("does not fit its certificate"));
}

}  // namespace
}  // namespace signet::client
