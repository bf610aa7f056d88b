#include <openssl/ssl.h>

#include "tests/core/rpc/test_server.h"
#include "tests/support/h2_client.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::test;

namespace {

/// TlsServer serves the methods of TestServer on a loopback port.
struct TlsServer {
  TlsServer() {
    Use(ca.IssueSvid("spiffe://td/spire/server"));
    rpc::ServerOptions options{.loops = 2, .clock = &clock, .logger = &logger};
    rpc::TlsOptions tls{.identity =
                            [this] {
                              const std::lock_guard lock(mutex);
                              return identity;
                            },
                        .verify_client = [this](const std::vector<Bytes>& chain) -> Status {
                          if (chain.front() == refused) {
                            return PermissionDenied("banned agent");
                          }
                          return {};
                        }};
    options.listeners.push_back(
        {.tcp_address = "127.0.0.1", .tls = std::move(tls), .methods = TestServer::Methods(log)});
    auto started = rpc::Server::Start(std::move(options));
    REQUIRE_OK(started);
    server = *std::move(started);
  }
  void Use(TestCert cert) {
    const std::lock_guard lock(mutex);
    identity = std::make_shared<const rpc::TlsIdentity>(
        rpc::TlsIdentity{{cert.der}, Secret(std::move(cert.key_pkcs8))});
  }
  std::uint16_t port() const { return server->tcp_port(0); }

  TestCa ca{"td"};
  RealClock clock;
  MemoryLogger logger;
  std::mutex mutex;
  std::shared_ptr<const rpc::TlsIdentity> identity;
  Bytes refused;
  std::shared_ptr<CallLog> log = std::make_shared<CallLog>();
  std::unique_ptr<rpc::Server> server;
};

}  // namespace

TEST_CASE("TLS callers need no certificate, and calls of every size work") {
  TlsServer tls;
  const auto client = H2Client::Tls(tls.port());
  REQUIRE(client);
  for (const std::size_t size : {0UL, 100UL, 3'000'000UL}) {
    const H2Reply reply = client->Call("/t/Echo", std::string(size, 'x'));
    CHECK(reply.grpc_status() == 0);
    CHECK(reply.Messages().front().size() == size);
  }
  const std::int32_t id = client->Start("/t/Hold");
  client->Pump(std::chrono::milliseconds(0));
  const auto call = tls.log->Next();
  REQUIRE(call);
  CHECK(call->info().peer->certificates.empty());
  CHECK(call->info().peer->address == "127.0.0.1");
  CHECK(call->info().peer->process == nullptr);
  client->Reset(id, 8);
}

TEST_CASE("over TLS too, :authority may be a path, empty or absent") {
  TlsServer tls;
  const auto client = H2Client::Tls(tls.port());
  REQUIRE(client);
  const Headers rest{{":method", "POST"},
                     {":scheme", "https"},
                     {":path", "/t/Echo"},
                     {"content-type", "application/grpc"}};
  for (const Headers& authority : {Headers{{":authority", "/run/signet/agent/api.sock"}},
                                   Headers{{":authority", ""}}, Headers{}}) {
    Headers head = authority;
    head.insert(head.end(), rest.begin(), rest.end());
    const std::int32_t id = client->Open(head);
    client->Send(id, Framed("x"), true);
    REQUIRE(client->UntilEnded(id));
    CHECK(client->reply(id).grpc_status() == 0);
  }
}

TEST_CASE("a client certificate is verified by us and travels with the call") {
  TlsServer tls;
  const TestCert agent = tls.ca.IssueSvid("spiffe://td/agent");
  for (const int version : {0, TLS1_2_VERSION}) {
    const auto client = H2Client::Tls(
        tls.port(), {.certificate = agent.der, .key = agent.key_pkcs8, .max_version = version});
    REQUIRE(client);
    client->Start("/t/Hold");
    client->Pump(std::chrono::milliseconds(0));
    const auto call = tls.log->Next();
    REQUIRE(call);
    REQUIRE(call->info().peer->certificates.size() == 1);
    CHECK(call->info().peer->certificates.front() == agent.der);
  }
}

TEST_CASE("a refused client certificate fails the handshake, under TLS 1.2 and 1.3") {
  TlsServer tls;
  const TestCert banned = tls.ca.IssueSvid("spiffe://td/banned");
  tls.refused = banned.der;
  for (const int version : {0, TLS1_2_VERSION}) {
    const auto client = H2Client::Tls(
        tls.port(), {.certificate = banned.der, .key = banned.key_pkcs8, .max_version = version});
    // Under TLS 1.3 the client learns of it after its own handshake is done.
    CHECK((client == nullptr || client->UntilClosed()));
  }
  CHECK(Eventually([&] { return tls.logger.Contains("banned agent"); }));
}

TEST_CASE("the certificate is taken anew at every handshake and open connections go on") {
  TlsServer tls;
  const auto before = H2Client::Tls(tls.port());
  REQUIRE(before);
  const TestCert next = tls.ca.IssueSvid("spiffe://td/spire/server");
  const Bytes der = next.der;
  CHECK(before->server_certificate() != der);
  tls.Use(next);
  const auto after = H2Client::Tls(tls.port());
  REQUIRE(after);
  CHECK(after->server_certificate() == der);
  CHECK(before->Call("/t/Echo", "x").grpc_status() == 0);
  CHECK(after->Call("/t/Echo", "x").grpc_status() == 0);
}

TEST_CASE("without an identity the handshake is refused, and later accepted") {
  TlsServer tls;
  std::shared_ptr<const rpc::TlsIdentity> kept;
  {
    const std::lock_guard lock(tls.mutex);
    kept = std::exchange(tls.identity, nullptr);
  }
  CHECK(H2Client::Tls(tls.port()) == nullptr);
  {
    const std::lock_guard lock(tls.mutex);
    tls.identity = kept;
  }
  CHECK(H2Client::Tls(tls.port()) != nullptr);
}

TEST_CASE("old TLS, missing ALPN and another protocol are refused") {
  TlsServer tls;
  CHECK(H2Client::Tls(tls.port(), {.max_version = TLS1_1_VERSION}) == nullptr);
  CHECK(H2Client::Tls(tls.port(), {.alpn = ""}) == nullptr);
  CHECK(H2Client::Tls(tls.port(), {.alpn = "http/1.1"}) == nullptr);
  CHECK(H2Client::Tls(tls.port(), {.max_version = TLS1_2_VERSION}) != nullptr);
}

TEST_CASE("no session can be resumed: no ticket is sent, under TLS 1.2 and 1.3") {
  TlsServer tls;
  for (const int version : {0, TLS1_2_VERSION}) {
    const auto client = H2Client::Tls(tls.port(), {.max_version = version});
    REQUIRE(client);
    CHECK(client->Call("/t/Echo", "x").grpc_status() == 0);
    CHECK_FALSE(client->got_resumable_session());
  }
}
