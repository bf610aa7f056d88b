#include "workload-api/client/resumption.h"

#include <optional>

#include "tests/support/result.h"
#include "tests/workload-api/client/tls_pair.h"

namespace signet::client {
namespace {

using namespace test;  // NOLINT: the kit of this room's tests

// Resuming is a client and a server that resume by epoch; the client keeps the last session.
struct Resuming {
  explicit Resuming(int version_wanted, Authorizer server_lets_in = AuthorizeMemberOf(
                                            spiffe::TrustDomain::Parse("example.org").value()))
      : version(version_wanted),
        client_source(ProviderFor(authority, kClientId)),
        server_source(ProviderFor(authority, kServerId)),
        client(Client(client_source, AuthorizeId(Id(kServerId)), version,
                      {.clock = &clock,
                       .resumption = Resumption::kEpoch,
                       .on_session = [this](const SSL*, const ResumableSession& s) { kept = s; }})),
        server(NewServer(std::move(server_lets_in))) {}

  ContextPtr NewServer(Authorizer authorizer) {
    return Server(server_source, std::move(authorizer), version,
                  {.clock = &clock,
                   .on_refused = [this](const Error& e) { told = e.message; },
                   .resumption = Resumption::kEpoch});
  }

  // Connects once, so that there is a session.
  ResumableSession FirstSession() {
    kept.reset();
    Pair pair(client, server);
    REQUIRE(pair.Talk());
    REQUIRE(SSL_session_reused(pair.client.get()) == 0);
    REQUIRE(kept.has_value());
    return *kept;
  }

  Authority authority{"example.org"};
  FakeClock clock{RealClock().Now()};
  int version;
  std::shared_ptr<FakeProvider> client_source;
  std::shared_ptr<FakeProvider> server_source;
  std::optional<ResumableSession> kept;
  std::string told;
  ContextPtr client;
  ContextPtr server;
};

void CheckResumed(const Pair& pair, int want) {
  CHECK(SSL_session_reused(pair.client.get()) == want);
  CHECK(SSL_session_reused(pair.server.get()) == want);
}

// Bundle of both authorities, leaf by the first.
X509Snapshot Trusting(const Authority& signer, const Authority& other, const char* id) {
  X509Message message = MessageFor(signer, id);
  Append(message.svids[0].bundle, other.der());
  return SnapshotFor(std::move(message));
}

TEST_CASE("In one epoch a session is resumed, again and again, and both know who the other is") {
  for (const int version : kVersions) {
    Resuming world(version);
    world.FirstSession();
    for (int i = 0; i < 3; ++i) {
      Pair pair(world.client, world.server);
      REQUIRE_OK(OfferSession(pair.client.get(), *world.kept));
      CHECK_FALSE(PeerOf(pair.client.get()).ok());
      REQUIRE(pair.Talk());
      CheckResumed(pair, 1);
      REQUIRE_OK(PeerOf(pair.client.get()));
      REQUIRE_OK(PeerOf(pair.server.get()));
      CHECK(PeerOf(pair.client.get())->resumed);
      CHECK(PeerId(pair.client.get())->ToString() == kServerId);
      CHECK(PeerId(pair.server.get())->ToString() == kClientId);
      CHECK(PeerOf(pair.server.get())->not_after ==
            world.client_source->Current()->default_identity().svid.leaf().not_after);
      CHECK(PeerOf(pair.server.get())->authority ==
            *world.server_source->Current()->trust_stores.begin()->second->authorities().begin());
    }
    const auto metrics = MetricsOf(world.server.get());
    REQUIRE_OK(metrics);
    CHECK(metrics->handshakes == 4);
    CHECK(metrics->resumed == 3);
    CHECK(metrics->sessions_refused == 0);
  }
}

TEST_CASE("A new leaf of the same identity leaves sessions good, on either side") {
  for (const int version : kVersions) {
    Resuming world(version);
    const ResumableSession session = world.FirstSession();
    world.client_source->Set(SnapshotFor(MessageFor(world.authority, kClientId)));
    world.server_source->Set(SnapshotFor(MessageFor(world.authority, kServerId)));
    Pair pair(world.client, world.server);
    REQUIRE_OK(OfferSession(pair.client.get(), session));
    REQUIRE(pair.Talk());
    CheckResumed(pair, 1);
  }
}

TEST_CASE("A removed authority: the client's old ticket gets a full handshake and is refused") {
  for (const int version : kVersions) {
    Resuming world(version);
    const Authority next("example.org");
    world.server_source->Set(Trusting(world.authority, next, kServerId));
    const ResumableSession session = world.FirstSession();
    // The server drops the authority that vouched for the client; the client still trusts it.
    X509Message message = MessageFor(world.authority, kServerId);
    message.svids[0].bundle = next.der();
    const auto context = SnapshotFor(std::move(message));
    world.server_source->Set(context);
    Pair pair(world.client, world.server);
    REQUIRE_OK(OfferSession(pair.client.get(), session));
    CHECK_FALSE(pair.Talk());
    CHECK(SSL_session_reused(pair.server.get()) == 0);
    CHECK_FALSE(PeerOf(pair.server.get()).ok());
    CHECK_THAT(world.told, Catch::Contains("is not trusted"));
    CHECK(MetricsOf(world.server.get())->sessions_refused == 1);
    CHECK(MetricsOf(world.server.get())->refused_untrusted == 1);
  }
}

TEST_CASE("Any change of what a verdict stands on means a full handshake, which may well pass") {
  struct Row {
    const char* name;
    std::function<void(Resuming&)> change;
  };
  const Authority other("example.org");
  const Row rows[] = {
      {"one more authority at the server",
       [&](Resuming& w) { w.server_source->Set(Trusting(w.authority, other, kServerId)); }},
      {"the client's certificate has ended, and it has a new one",
       [](Resuming& w) {
         w.clock.Advance(std::chrono::hours(2));
         const LeafRequest longer{.uris = {kClientId}, .not_after = std::chrono::hours(4)};
         const LeafRequest server{.uris = {kServerId}, .not_after = std::chrono::hours(4)};
         w.client_source->Set(SnapshotOf(w.authority, longer));
         w.server_source->Set(SnapshotOf(w.authority, server));
       }},
      {"the server's own identity",
       [](Resuming& w) {
         w.server_source->Set(SnapshotFor(MessageFor(w.authority, "spiffe://example.org/other")));
       }},
  };
  for (const Row& row : rows) {
    for (const int version : kVersions) {
      INFO(row.name);
      Resuming world(version);
      world.client = Client(world.client_source, AuthorizeAnyTrustedPeer(), version,
                            {.resumption = Resumption::kEpoch,
                             .on_session = [&](const SSL*, const auto& s) { world.kept = s; }});
      const ResumableSession session = world.FirstSession();
      row.change(world);
      Pair pair(world.client, world.server);
      // The client's own clock stands for one that does not know yet.
      REQUIRE_OK(OfferSession(pair.client.get(), session));
      REQUIRE(pair.Talk());
      CheckResumed(pair, 0);
      CHECK_FALSE(PeerOf(pair.server.get())->resumed);
      CHECK_FALSE(PeerOf(pair.client.get())->resumed);
      CHECK(PeerId(pair.server.get())->ToString() == kClientId);
      // And what it leads to can be resumed in its turn.
      Pair again(world.client, world.server);
      REQUIRE_OK(OfferSession(again.client.get(), *world.kept));
      REQUIRE(again.Talk());
      CheckResumed(again, 1);
    }
  }
}

TEST_CASE("A peer that the authorizer has come to refuse cannot resume, nor connect anew") {
  for (const int version : kVersions) {
    bool banned = false;
    Resuming world(version, AuthorizeIf([&banned](const spiffe::SpiffeId&) -> Status {
                     return banned ? Status(PermissionDenied("banned")) : Status();
                   }));
    const ResumableSession session = world.FirstSession();
    banned = true;
    Pair pair(world.client, world.server);
    REQUIRE_OK(OfferSession(pair.client.get(), session));
    CHECK_FALSE(pair.Talk());
    CHECK(SSL_session_reused(pair.server.get()) == 0);
    REQUIRE_ERROR(PeerOf(pair.server.get()), Code::kPermissionDenied, "banned");
  }
}

TEST_CASE("A server without an identity, or with an expired one, resumes nobody") {
  for (const int version : kVersions) {
    for (const bool expired : {false, true}) {
      Resuming world(version);
      const ResumableSession session = world.FirstSession();
      Pair pair(world.client, world.server);
      REQUIRE_OK(OfferSession(pair.client.get(), session));
      if (expired) {
        world.clock.Advance(std::chrono::hours(2));
      } else {
        world.server_source->Set(nullptr);
      }
      CHECK_FALSE(pair.Talk());
      CHECK(SSL_session_reused(pair.server.get()) == 0);
    }
  }
}

TEST_CASE("Hostile: a ticket of another context, with another authorizer, opens nothing") {
  for (const int version : kVersions) {
    Resuming world(version);
    const ResumableSession session = world.FirstSession();
    const ContextPtr strict = world.NewServer(AuthorizeId(Id("spiffe://example.org/admin")));
    Pair pair(world.client, strict);
    REQUIRE_OK(OfferSession(pair.client.get(), session));
    CHECK_FALSE(pair.Talk());
    CHECK(SSL_session_reused(pair.server.get()) == 0);
    REQUIRE_ERROR(PeerOf(pair.server.get()), Code::kPermissionDenied, "/client");
  }
}

TEST_CASE("Hostile: a connection that is moved to another context after the ticket is nobody's") {
  for (const int version : kVersions) {
    Resuming world(version);
    const ResumableSession session = world.FirstSession();
    static SSL_CTX* elsewhere = nullptr;
    const ContextPtr strict = world.NewServer(AuthorizeId(Id("spiffe://example.org/admin")));
    elsewhere = strict.get();
    SSL_CTX_set_tlsext_servername_callback(
        world.server.get(), +[](SSL* ssl, int*, void*) {
          SSL_set_SSL_CTX(ssl, elsewhere);
          return SSL_TLSEXT_ERR_OK;
        });
    Pair pair(world.client, world.server);
    REQUIRE_OK(OfferSession(pair.client.get(), session));
    pair.Talk();
    CHECK_FALSE(PeerOf(pair.server.get()).ok());
  }
}

TEST_CASE("Hostile: a session set behind the library's back names nobody") {
  for (const int version : kVersions) {
    Resuming world(version);
    SSL_SESSION* raw = nullptr;
    {
      Pair pair(world.client, world.server);
      REQUIRE(pair.Talk());
      raw = SSL_get1_session(pair.client.get());
      SSL_shutdown(pair.client.get());  // OpenSSL spoils the session otherwise
    }
    Pair pair(world.client, world.server);
    REQUIRE(SSL_set_session(pair.client.get(), raw) == 1);
    SSL_SESSION_free(raw);
    REQUIRE(pair.Talk());
    CheckResumed(pair, 1);
    CHECK(PeerOf(pair.server.get()).ok());
    CHECK_FALSE(PeerOf(pair.client.get()).ok());
  }
}

TEST_CASE("Hostile: a ticket with one bit changed means a full handshake") {
  for (const int version : kVersions) {
    Resuming world(version);
    SSL_SESSION* raw = nullptr;
    {
      Pair pair(world.client, world.server);
      REQUIRE(pair.Talk());
      raw = SSL_get1_session(pair.client.get());
      SSL_shutdown(pair.client.get());
    }
    const unsigned char* ticket = nullptr;
    std::size_t size = 0;
    SSL_SESSION_get0_ticket(raw, &ticket, &size);
    REQUIRE(size > 100);
    const_cast<unsigned char*>(ticket)[size / 2] ^= 1;
    Pair pair(world.client, world.server);
    REQUIRE(SSL_set_session(pair.client.get(), raw) == 1);
    SSL_SESSION_free(raw);
    REQUIRE(pair.Talk());
    CheckResumed(pair, 0);
    CHECK(PeerId(pair.server.get())->ToString() == kClientId);
  }
}

TEST_CASE("A client does not offer a session once its own ground for it has gone") {
  for (const int version : kVersions) {
    Resuming world(version);
    const ResumableSession session = world.FirstSession();
    CHECK(session.peer().ToString() == kServerId);
    Pair started(world.client, world.server);
    REQUIRE(started.Talk());
    REQUIRE_ERROR(OfferSession(started.client.get(), session), Code::kFailedPrecondition, "begun");
    const ContextPtr other = Client(world.client_source, AuthorizeId(Id(kServerId)), version,
                                    {.resumption = Resumption::kEpoch});
    Pair elsewhere(other, world.server);
    REQUIRE_ERROR(OfferSession(elsewhere.client.get(), session), Code::kFailedPrecondition,
                  "another SSL_CTX");
    const Authority next("example.org");
    world.client_source->Set(Trusting(world.authority, next, kClientId));
    Pair changed(world.client, world.server);
    REQUIRE_ERROR(OfferSession(changed.client.get(), session), Code::kFailedPrecondition, "epoch");
    CHECK(changed.Talk());
    world.FirstSession();
    world.clock.Advance(std::chrono::hours(2));
    world.client_source->Set(
        SnapshotOf(world.authority, {.uris = {kClientId}, .not_after = std::chrono::hours(4)}));
    Pair late(world.client, world.server);
    CHECK_FALSE(OfferSession(late.client.get(), *world.kept).ok());
  }
}

TEST_CASE("The key of the tickets changes every hour, and the one before is good for one more") {
  for (const int version : kVersions) {
    Resuming world(version);
    const LeafRequest day{.uris = {kClientId}, .not_after = std::chrono::hours(20)};
    world.client_source->Set(SnapshotOf(world.authority, day));
    world.server_source->Set(
        SnapshotOf(world.authority, {.uris = {kServerId}, .not_after = std::chrono::hours(20)}));
    const ResumableSession session = world.FirstSession();
    const auto resumes = [&] {
      Pair pair(world.client, world.server);
      REQUIRE_OK(OfferSession(pair.client.get(), session));
      REQUIRE(pair.Talk());
      return SSL_session_reused(pair.server.get()) == 1;
    };
    world.clock.Advance(std::chrono::minutes(90));
    CHECK(resumes());
    world.clock.Advance(std::chrono::minutes(45));
    CHECK_FALSE(resumes());
  }
}

}  // namespace
}  // namespace signet::client
