#include "workload-api/client/tls.h"

#include <atomic>
#include <thread>

#include "tests/support/result.h"
#include "tests/workload-api/client/tls_pair.h"

namespace signet::client {
namespace {

using namespace test;  // NOLINT: the kit of this room's tests

TEST_CASE("Two workloads talk, and each knows who the other is") {
  for (const int version : kVersions) {
    for (const LeafRequest& leaf : {LeafRequest{.uris = {kClientId}},
                                    LeafRequest{.uris = {kClientId}, .through_intermediate = true},
                                    LeafRequest{.uris = {kClientId}, .rsa = true}}) {
      Both both(version, leaf);
      Pair pair(both.client, both.server);
      REQUIRE(pair.Talk());
      REQUIRE_OK(PeerId(pair.client.get()));
      REQUIRE_OK(PeerId(pair.server.get()));
      CHECK(PeerId(pair.client.get())->ToString() == kServerId);
      CHECK(PeerId(pair.server.get())->ToString() == kClientId);
      CHECK(SSL_version(pair.client.get()) == version);
    }
  }
}

TEST_CASE("A peer that is trusted but not authorized is refused, on either side") {
  for (const int version : kVersions) {
    Both both(version);
    const auto stranger = ProviderFor(both.authority, "spiffe://example.org/stranger");
    Error told;
    const ContextPtr strict = Server(both.server_source, AuthorizeId(Id(kClientId)), version,
                                     {.on_refused = [&told](const Error& e) { told = e; }});
    Pair to_server(Client(stranger, AuthorizeId(Id(kServerId)), version), strict);
    CHECK_FALSE(to_server.Talk());
    REQUIRE_ERROR(PeerId(to_server.server.get()), Code::kPermissionDenied, "/stranger");
    CHECK_THAT(told.message, Catch::Contains("/stranger is not authorized"));

    Pair to_client(both.client, Server(stranger, AuthorizeAnyTrustedPeer(), version));
    CHECK_FALSE(to_client.Talk());
    REQUIRE_ERROR(PeerId(to_client.client.get()), Code::kPermissionDenied, "/stranger");
  }
}

TEST_CASE("FED-07, WL-11: a peer that is no trusted SVID is refused, whatever it claims") {
  Both both;
  const Authority impostor("example.org");
  const Authority foreign("foreign.example");
  // These peers hold what BuildX509Context would not let through, so OpenSSL alone presents it.
  struct Row {
    const char* name;
    Leaf leaf;
  };
  const Row rows[] = {
      {"unknown signer", impostor.Issue({.uris = {kClientId}})},
      {"unknown trust domain", foreign.Issue({.uris = {"spiffe://foreign.example/x"}})},
      {"wrong domain's signer", foreign.Issue({.uris = {kClientId}})},
      {"expired", both.authority.Issue({.uris = {kClientId},
                                        .not_before = std::chrono::hours(-2),
                                        .not_after = std::chrono::hours(-1)})},
      {"not yet valid",
       both.authority.Issue({.uris = {kClientId}, .not_before = std::chrono::minutes(30)})},
      {"two URI SANs", both.authority.Issue({.uris = {kClientId, "spiffe://example.org/b"}})},
      {"no URI SAN", both.authority.Issue({.uris = {}})},
      {"no SPIFFE ID", both.authority.Issue({.uris = {"https://example.org/client"}})},
      {"no path", both.authority.Issue({.uris = {"spiffe://example.org"}})},
  };
  for (const Row& row : rows) {
    for (const int version : kVersions) {
      INFO(row.name);
      const ContextPtr peer = NewContext(version);
      SSL_CTX_use_certificate_ASN1(peer.get(), static_cast<int>(row.leaf.chain[0].size()),
                                   row.leaf.chain[0].data());
      REQUIRE(SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, peer.get(), row.leaf.pkcs8.data(),
                                          static_cast<long>(row.leaf.pkcs8.size())) == 1);
      Pair as_client(peer, Server(both.server_source, AuthorizeAnyTrustedPeer(), version));
      CHECK_FALSE(as_client.Talk());
      CHECK_FALSE(PeerId(as_client.server.get()).ok());
      Pair as_server(Client(both.client_source, AuthorizeAnyTrustedPeer(), version), peer);
      CHECK_FALSE(as_server.Talk());
      CHECK_FALSE(PeerId(as_server.client.get()).ok());
    }
  }
}

TEST_CASE("A client without a certificate is refused") {
  for (const int version : kVersions) {
    Both both(version);
    Pair pair(NewContext(version), both.server);
    CHECK_FALSE(pair.Talk());
    REQUIRE_ERROR(PeerId(pair.server.get()), Code::kFailedPrecondition, "no peer was verified");
  }
}

TEST_CASE("Without an identity of our own, or with an expired one, no handshake succeeds") {
  Both both;
  std::string told;
  FakeClock later(RealClock().Now() + std::chrono::hours(2));
  const TlsOptions options{.on_refused = [&told](const Error& e) { told = e.message; }};
  {
    Pair pair(both.client, Server(std::make_shared<FakeProvider>(), AuthorizeAnyTrustedPeer(),
                                  TLS1_3_VERSION, options));
    CHECK_FALSE(pair.Talk());
    CHECK_THAT(told, Catch::Contains("no identity to show"));
  }
  {
    Pair pair(both.client, Server(both.server_source, AuthorizeAnyTrustedPeer(), TLS1_3_VERSION,
                                  {.clock = &later, .on_refused = options.on_refused}));
    CHECK_FALSE(pair.Talk());
    CHECK_THAT(told, Catch::Contains("expired"));
  }
}

TEST_CASE("Rotation: new leaf, new authority and a removed one take effect at the next handshake") {
  Both both;
  REQUIRE(Pair(both.client, both.server).Talk());
  const Authority next("example.org");

  // The server moves to the next authority before the client knows it: refused.
  both.server_source->Set(SnapshotFor(MessageFor(next, kServerId)));
  CHECK_FALSE(Pair(both.client, both.server).Talk());

  // Both bundles hold both authorities: either leaf is fine.
  const auto with_both = [&](const Authority& signer, const Authority& other, const char* id) {
    X509Message message = MessageFor(signer, id);
    Append(message.svids[0].bundle, other.der());
    return SnapshotFor(std::move(message));
  };
  both.server_source->Set(with_both(next, both.authority, kServerId));
  both.client_source->Set(with_both(both.authority, next, kClientId));
  CHECK(Pair(both.client, both.server).Talk());

  // The old authority is gone from the server's bundle: the client's old leaf is refused at once.
  both.server_source->Set(SnapshotFor(MessageFor(next, kServerId)));
  CHECK_FALSE(Pair(both.client, both.server).Talk());
  both.client_source->Set(SnapshotFor(MessageFor(next, kClientId)));
  CHECK(Pair(both.client, both.server).Talk());
}

TEST_CASE("A connection that is open survives the rotation of both sides") {
  Both both;
  Pair pair(both.client, both.server);
  REQUIRE(pair.Talk());
  const Authority next("example.org");
  both.server_source->Set(SnapshotFor(MessageFor(next, kServerId)));
  both.client_source->Set(SnapshotFor(MessageFor(next, kClientId)));
  CHECK(pair.Talk());
  CHECK(PeerId(pair.server.get()).ok());
}

TEST_CASE("No session can be resumed, with tickets or without") {
  for (const int version : kVersions) {
    Both both(version);
    SSL_SESSION* session = nullptr;
    {
      Pair pair(both.client, both.server);
      REQUIRE(pair.Talk());
      session = SSL_get1_session(pair.client.get());
      SSL_shutdown(pair.client.get());
      SSL_shutdown(pair.server.get());
    }
    Pair pair(both.client, both.server);
    SSL_set_session(pair.client.get(), session);
    SSL_SESSION_free(session);
    REQUIRE(pair.Talk());
    CHECK(SSL_session_reused(pair.client.get()) == 0);
    CHECK(SSL_session_reused(pair.server.get()) == 0);
  }
}

TEST_CASE("TLS 1.1, and a second binding of one context, are refused") {
  Both both;
  const ContextPtr old = NewContext(TLS1_1_VERSION);
  SSL_CTX_set_min_proto_version(old.get(), TLS1_VERSION);
  SSL_CTX_set_security_level(old.get(), 0);
  Pair pair(old, both.server);
  CHECK_FALSE(pair.Talk());
  REQUIRE_ERROR(ConfigureClient(both.client.get(), both.client_source, AuthorizeAnyTrustedPeer()),
                Code::kFailedPrecondition, "bound to a source already");
  REQUIRE_ERROR(ConfigureServer(NewContext().get(), nullptr, AuthorizeAnyTrustedPeer()),
                Code::kInvalidArgument, "source");
}

TEST_CASE("A server does not say whom it trusts when it asks for a certificate") {
  for (const int version : kVersions) {
    Both both(version);
    Pair pair(both.client, both.server);
    REQUIRE(pair.Talk());
    CHECK(sk_X509_NAME_num(SSL_get0_peer_CA_list(pair.client.get())) <= 0);
  }
}

TEST_CASE("The metrics tell handshakes, refusals by kind, rotations and our own expiry") {
  Both both;
  FakeClock clock(RealClock().Now());
  const ContextPtr server =
      Server(both.server_source, AuthorizeId(Id(kClientId)), TLS1_3_VERSION, {.clock = &clock});
  REQUIRE(Pair(both.client, server).Talk());
  const std::string epoch = MetricsOf(server.get())->epoch;
  both.server_source->Set(SnapshotFor(MessageFor(both.authority, kServerId)));
  REQUIRE(Pair(both.client, server).Talk());
  CHECK(MetricsOf(server.get())->epoch == epoch);
  const auto refused = [&](const std::shared_ptr<FakeProvider>& source) {
    return !Pair(Client(source, AuthorizeAnyTrustedPeer()), server).Talk();
  };
  CHECK(refused(ProviderFor(both.authority, "spiffe://example.org/stranger")));
  const Authority impostor("example.org");
  X509Message foreign = MessageFor(impostor, kClientId);
  Append(foreign.svids[0].bundle, both.authority.der());
  CHECK(refused(std::make_shared<FakeProvider>(SnapshotFor(std::move(foreign)))));
  const auto metrics = MetricsOf(server.get());
  REQUIRE_OK(metrics);
  CHECK(metrics->handshakes == 2);
  CHECK(metrics->resumed == 0);
  CHECK(metrics->rotations == 1);
  CHECK(metrics->refused_unauthorized == 1);
  CHECK(metrics->refused_untrusted == 1);
  CHECK(metrics->refused_malformed == 0);
  CHECK(metrics->until_expiry > Duration(std::chrono::minutes(58)));
  CHECK(metrics->until_expiry < Duration(std::chrono::minutes(61)));
  both.server_source->Set(nullptr);
  CHECK(refused(both.client_source));
  CHECK(MetricsOf(server.get())->refused_without_identity == 1);
  CHECK(MetricsOf(server.get())->epoch.empty());
  CHECK_FALSE(MetricsOf(server.get())->until_expiry.has_value());
  CHECK(MetricsOf(NewContext().get()).code() == Code::kFailedPrecondition);
}

TEST_CASE("An SSL that is cleared for another connection does not keep the last peer's name") {
  Both both;
  Pair pair(both.client, both.server);
  REQUIRE(pair.Talk());
  REQUIRE(PeerId(pair.server.get()).ok());
  SSL_clear(pair.server.get());
  CHECK_FALSE(PeerId(pair.server.get()).ok());
}

TEST_CASE("Handshakes on many threads go on while the identities rotate") {
  Both both;
  std::vector<X509Snapshot> servers;
  std::vector<X509Snapshot> clients;
  for (int i = 0; i < 8; ++i) {
    servers.push_back(SnapshotFor(MessageFor(both.authority, kServerId)));
    clients.push_back(SnapshotFor(MessageFor(both.authority, kClientId)));
  }
  std::atomic<int> failed = 0;
  std::atomic<int> running = 4;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        Pair pair(both.client, both.server);
        const bool ok = pair.Talk() && PeerId(pair.server.get()).ok();
        failed += ok ? 0 : 1;
      }
      --running;
    });
  }
  for (std::size_t i = 0; running > 0; ++i) {
    both.server_source->Set(servers[i % servers.size()]);
    both.client_source->Set(clients[i % clients.size()]);
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(failed == 0);
}

}  // namespace
}  // namespace signet::client
