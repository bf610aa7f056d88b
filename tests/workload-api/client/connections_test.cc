#include "workload-api/client/connections.h"

#include <sys/socket.h>

#include <atomic>
#include <set>
#include <thread>

#include "core/base/check.h"
#include "core/base/unique_fd.h"
#include "tests/support/result.h"
#include "tests/workload-api/client/tls_pair.h"

namespace signet::client {
namespace {

using namespace test;  // NOLINT: the kit of this room's tests

// SocketPair is a Pair over sockets that do not block; the sockets outlive the connections.
struct SocketPair {
  SocketPair(const ContextPtr& client, const ContextPtr& server) : pair(client, server) {
    int fds[2];
    SIGNET_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0,
                 "no sockets");
    client_fd = UniqueFd(fds[0]);
    server_fd = UniqueFd(fds[1]);
    SIGNET_CHECK(
        SSL_set_fd(pair.client.get(), fds[0]) == 1 && SSL_set_fd(pair.server.get(), fds[1]) == 1,
        "no TLS on sockets");
  }
  SSL* server() const { return pair.server.get(); }

  UniqueFd client_fd;
  UniqueFd server_fd;
  Pair pair;
};

// Registry is a registry at the server's side that writes down what it asks for.
struct Registry {
  explicit Registry(ConnectionPolicy policy) {
    auto made = Connections::Create(
        {.source = both.server_source,
         .policy = policy,
         .on_close_due = [this](const LiveConnection& c,
                                CloseReason reason) { asked.emplace_back(c.number, reason); },
         .clock = &clock});
    REQUIRE_OK(made);
    live = *std::move(made);
  }
  SocketPair Connect() {
    SocketPair connected(both.client, both.server);
    REQUIRE(connected.pair.Talk());
    return connected;
  }

  Both both;
  FakeClock clock{RealClock().Now()};
  std::vector<std::pair<std::uint64_t, CloseReason>> asked;
  std::shared_ptr<Connections> live;
};

using Asked = std::vector<std::pair<std::uint64_t, CloseReason>>;

TEST_CASE("The registry knows each connection until its SSL ends, and what its peer rests on") {
  Registry world({});
  {
    const SocketPair one = world.Connect();
    const SocketPair two = world.Connect();
    const auto first = world.live->Track(one.server());
    REQUIRE_OK(first);
    REQUIRE_OK(world.live->Track(two.server()));
    CHECK(*world.live->Track(one.server()) == *first);
    const auto list = world.live->List();
    REQUIRE(list.size() == 2);
    CHECK(list[0].number == *first);
    CHECK(list[0].peer.id.ToString() == kClientId);
    CHECK(list[0].peer == *PeerOf(one.server()));
    CHECK(list[0].since == world.clock.Now());
    CHECK(list[0].fd == one.server_fd.get());
    world.live->Forget(two.server());
    CHECK(world.live->size() == 1);
    // The default policy keeps everything for ever.
    world.clock.Advance(std::chrono::hours(24 * 365));
    world.live->Tick();
    CHECK(world.asked.empty());
  }
  CHECK(world.live->size() == 0);
}

TEST_CASE("A connection outlives its peer's certificate only until the next tick") {
  Registry world({.at_peer_expiry = true});
  const SocketPair connected = world.Connect();
  const auto number = world.live->Track(connected.server());
  REQUIRE_OK(number);
  world.clock.Advance(std::chrono::minutes(59));
  world.live->Tick();
  CHECK(world.asked.empty());
  CHECK(world.live->Due(connected.server()) == std::nullopt);
  CHECK(world.live->Due(connected.pair.client.get()) == std::nullopt);
  world.clock.Advance(std::chrono::minutes(2));
  world.live->Tick();
  world.live->Tick();
  CHECK(world.asked == Asked{{*number, CloseReason::kPeerExpired}});
  CHECK(world.live->size() == 1);  // asked, not ended
  CHECK(world.live->Due(connected.server()) == CloseReason::kPeerExpired);
}

TEST_CASE("When an authority leaves the bundle, the connections that it vouched for are due") {
  Registry world({.on_authority_removal = true});
  const Authority next("example.org");
  const SocketPair old_one = world.Connect();
  const auto number = world.live->Track(old_one.server());
  REQUIRE_OK(number);
  const auto set = [&](const Authority& signer, const Authority& other) {
    X509Message message = MessageFor(signer, kServerId);
    Append(message.svids[0].bundle, other.der());
    world.both.server_source->Set(SnapshotFor(std::move(message)));
  };
  set(world.both.authority, next);
  // The client's next leaf is by the next authority, and it still trusts the server's.
  X509Message message = MessageFor(next, kClientId);
  Append(message.svids[0].bundle, world.both.authority.der());
  world.both.client_source->Set(SnapshotFor(std::move(message)));
  const SocketPair new_one = world.Connect();
  REQUIRE_OK(world.live->Track(new_one.server()));
  world.live->Tick();
  CHECK(world.asked.empty());
  world.both.server_source->Set(nullptr);  // taken away: says nothing about authorities
  world.live->Tick();
  CHECK(world.asked.empty());
  world.both.server_source->Set(SnapshotFor(MessageFor(next, kServerId)));
  world.live->Tick();
  CHECK(world.asked == Asked{{*number, CloseReason::kAuthorityRemoved}});
}

TEST_CASE("A trust domain that is not federated any more takes its connections with it") {
  Registry world({.on_authority_removal = true});
  const Authority foreign("foreign.example");
  X509Message own = MessageFor(world.both.authority, kServerId);
  own.federated_bundles["spiffe://foreign.example"] = foreign.der();
  world.both.server_source->Set(SnapshotFor(std::move(own)));
  X509Message theirs = MessageFor(foreign, "spiffe://foreign.example/x");
  theirs.federated_bundles["spiffe://example.org"] = world.both.authority.der();
  const auto their_source = std::make_shared<FakeProvider>(SnapshotFor(std::move(theirs)));
  const ContextPtr client = Client(their_source, AuthorizeAnyTrustedPeer());
  const ContextPtr server = Server(world.both.server_source, AuthorizeAnyTrustedPeer());
  SocketPair connected(client, server);
  REQUIRE(connected.pair.Talk());
  const auto number = world.live->Track(connected.server());
  REQUIRE_OK(number);
  world.live->Tick();
  CHECK(world.asked.empty());
  world.both.server_source->Set(SnapshotFor(MessageFor(world.both.authority, kServerId)));
  world.live->Tick();
  CHECK(world.asked == Asked{{*number, CloseReason::kAuthorityRemoved}});
}

TEST_CASE("Greatest ages differ by the jitter, so that connections do not come back in step") {
  Registry world({.max_age = std::chrono::hours(1), .max_age_jitter = 0.5});
  std::vector<SocketPair> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(world.Connect());
    REQUIRE_OK(world.live->Track(all.back().server()));
  }
  world.clock.Advance(std::chrono::minutes(30) - std::chrono::seconds(1));
  world.live->Tick();
  CHECK(world.asked.empty());
  std::set<std::size_t> sizes;
  for (int i = 0; i < 61; ++i) {
    world.clock.Advance(std::chrono::seconds(30));
    world.live->Tick();
    sizes.insert(world.asked.size());
  }
  CHECK(world.asked.size() == all.size());
  CHECK(sizes.size() > 3);
}

TEST_CASE("A connection that does not end by itself has its socket shut down after the grace") {
  Registry world({.at_peer_expiry = true, .shutdown_after = std::chrono::seconds(10)});
  const SocketPair lazy = world.Connect();
  REQUIRE_OK(world.live->Track(lazy.server()));
  const auto ended = [](const UniqueFd& fd) {
    char byte = 0;
    return ::recv(fd.get(), &byte, 1, MSG_PEEK) == 0;
  };
  {
    const SocketPair polite = world.Connect();
    REQUIRE_OK(world.live->Track(polite.server()));
    world.clock.Advance(std::chrono::minutes(61));
    world.live->Tick();
    CHECK(world.asked.size() == 2);
  }
  CHECK_FALSE(ended(lazy.server_fd));
  world.clock.Advance(std::chrono::seconds(10));
  world.live->Tick();
  CHECK(ended(lazy.server_fd));
  CHECK(ended(lazy.client_fd));
  CHECK(world.live->size() == 1);
}

TEST_CASE("Only a judged connection is tracked, and only a policy that means something is taken") {
  Registry world({.shutdown_after = Duration::zero()});
  const SocketPair unborn(world.both.client, world.both.server);
  CHECK_FALSE(world.live->Track(unborn.server()).ok());
  Pair memory(world.both.client, world.both.server);
  REQUIRE(memory.Talk());
  REQUIRE_ERROR(world.live->Track(memory.server.get()), Code::kFailedPrecondition, "no socket");
  const auto make = [&](ConnectionPolicy policy) {
    return Connections::Create({.source = world.both.server_source, .policy = policy}).code();
  };
  CHECK(make({}) == Code::kOk);
  CHECK(make({.max_age = Duration(-1)}) == Code::kInvalidArgument);
  CHECK(make({.max_age_jitter = 1.5}) == Code::kInvalidArgument);
  CHECK(make({.shutdown_after = Duration(-1)}) == Code::kInvalidArgument);
  CHECK(Connections::Create({}).code() == Code::kInvalidArgument);
}

TEST_CASE("An SSL may outlive the registry, and a copy of it is another connection") {
  Registry world({});
  const SocketPair connected = world.Connect();
  REQUIRE_OK(world.live->Track(connected.server()));
  const SslPtr fresh(SSL_new(world.both.server.get()), SSL_free);
  const SslPtr copy(SSL_dup(fresh.get()), SSL_free);
  CHECK_FALSE(PeerOf(copy.get()).ok());
  world.live.reset();
}

TEST_CASE("Connections come and go on many threads while the registry ticks") {
  Registry world({.at_peer_expiry = true,
                  .on_authority_removal = true,
                  .max_age = Duration::zero(),
                  .shutdown_after = Duration::zero()});
  std::atomic<int> running = 3;
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 15; ++i) {
        SocketPair connected(world.both.client, world.both.server);
        const bool ok = connected.pair.Talk() && world.live->Track(connected.server()).ok();
        failed += ok ? 0 : 1;
      }
      --running;
    });
  }
  while (running > 0) {
    world.live->Tick();
    CHECK(world.live->List().size() <= 3);
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(failed == 0);
  CHECK(world.live->size() == 0);
}

}  // namespace
}  // namespace signet::client
