// A whole server, started as signet-server starts it, and callers on real sockets.
#include "ca/cmd/serve.h"

#include <sys/stat.h>

#include "core/crypto/csr.h"
#include "core/crypto/x509_svid.h"
#include "signet/api/server/v1/changes.pb.h"
#include "spire/api/server/agent/v1/agent.pb.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"
#include "spire/api/server/entry/v1/entry.pb.h"
#include "spire/api/server/svid/v1/svid.pb.h"
#include "tests/support/h2_client.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

using namespace signet;
using test::H2Client;
using test::H2Reply;
namespace agent_api = spire::api::server::agent::v1;
namespace bundle_api = spire::api::server::bundle::v1;
namespace entry_api = spire::api::server::entry::v1;
namespace svid_api = spire::api::server::svid::v1;
namespace types = spire::api::types;

namespace {

const std::string kAgent = "/spire.api.server.agent.v1.Agent/";
const std::string kBundle = "/spire.api.server.bundle.v1.Bundle/";
const std::string kEntry = "/spire.api.server.entry.v1.Entry/";
const std::string kSvid = "/spire.api.server.svid.v1.SVID/";

/// Site is a data directory and what runs on it.
struct Site {
  test::TempDir dir;
  RealClock clock;
  SystemRandom random;
  MemoryLogger logger;
  ca_cmd::ServerConfig config{.trust_domain = spiffe::TrustDomain::Parse("example.org").value(),
                              .bind_address = "127.0.0.1",
                              .bind_port = 0,
                              .socket_path = dir.path() + "/api.sock",
                              .data_dir = dir.path() + "/data",
                              .ratelimit_attestation = false};
  std::unique_ptr<ca_cmd::RunningServer> server;

  Result<std::unique_ptr<ca_cmd::RunningServer>> TryStart() {
    return ca_cmd::RunningServer::Start(config, {clock, random, logger});
  }
  void Start() {
    auto started = TryStart();
    REQUIRE_OK(started);
    server = std::move(started).value();
  }
  std::unique_ptr<H2Client> Local() { return H2Client::Unix(config.socket_path); }
};

/// Node is an agent: its key never leaves it.
struct Node {
  std::shared_ptr<const crypto::PrivateKey> key =
      crypto::PrivateKey::Generate(crypto::KeyType::kEcP256).value();
  types::X509SVID svid;

  std::string Csr() const { return ToString(crypto::BuildCsr(*key).value()); }
  std::unique_ptr<H2Client> Connect(const Site& site) const {
    test::H2TlsOptions options;
    options.certificate = ToBytes(svid.cert_chain(0));
    options.key = ToBytes(key->ToPkcs8().value().RevealSecret());
    return H2Client::Tls(site.server->tcp_port(), options);
  }
};

template <class Response, class Request>
Response Ok(H2Client& client, const std::string& method, const Request& request) {
  const H2Reply reply = client.Call(method, request.SerializeAsString());
  INFO(method << ": " << reply.Header("grpc-message"));
  REQUIRE(reply.grpc_status() == 0);
  Response response;
  REQUIRE(response.ParseFromString(reply.Messages().at(0)));
  return response;
}

Node Attest(Site& site, const std::string& token) {
  agent_api::CreateJoinTokenRequest create;
  create.set_ttl(600);
  create.set_token(token);
  Ok<types::JoinToken>(*site.Local(), kAgent + "CreateJoinToken", create);
  Node node;
  agent_api::AttestAgentRequest request;
  request.mutable_params()->mutable_data()->set_type("join_token");
  request.mutable_params()->mutable_data()->set_payload(token);
  request.mutable_params()->mutable_params()->set_csr(node.Csr());
  const auto anonymous = H2Client::Tls(site.server->tcp_port());
  REQUIRE(anonymous);
  node.svid = Ok<agent_api::AttestAgentResponse>(*anonymous, kAgent + "AttestAgent", request)
                  .result()
                  .svid();
  return node;
}

std::string CreateEntry(Site& site, const std::string& path, const std::string& parent) {
  entry_api::BatchCreateEntryRequest request;
  auto* entry = request.add_entries();
  entry->mutable_spiffe_id()->set_trust_domain("example.org");
  entry->mutable_spiffe_id()->set_path(path);
  entry->mutable_parent_id()->set_trust_domain("example.org");
  entry->mutable_parent_id()->set_path(parent);
  entry->add_selectors()->set_type("unix");
  entry->mutable_selectors(0)->set_value("uid:0");
  const auto response =
      Ok<entry_api::BatchCreateEntryResponse>(*site.Local(), kEntry + "BatchCreateEntry", request);
  REQUIRE(response.results(0).status().code() == 0);
  return response.results(0).entry().id();
}

}  // namespace

TEST_CASE("an agent lives its whole life with a running server") {
  Site site;
  site.Start();
  Node node = Attest(site, "tok");
  const std::string id = CreateEntry(site, "/web", node.svid.id().path());
  const auto connection = node.Connect(site);
  REQUIRE(connection);

  const auto synced = Ok<entry_api::SyncAuthorizedEntriesResponse>(
      *connection, kEntry + "SyncAuthorizedEntries", entry_api::SyncAuthorizedEntriesRequest());
  REQUIRE(synced.entries_size() == 1);
  CHECK(synced.entries(0).id() == id);

  const Node workload;
  svid_api::BatchNewX509SVIDRequest batch;
  batch.add_params()->set_entry_id(id);
  batch.mutable_params(0)->set_csr(workload.Csr());
  const auto issued =
      Ok<svid_api::BatchNewX509SVIDResponse>(*connection, kSvid + "BatchNewX509SVID", batch);
  REQUIRE(issued.results(0).status().code() == 0);
  const auto bundle =
      Ok<types::Bundle>(*connection, kBundle + "GetBundle", bundle_api::GetBundleRequest());
  const auto trust_domain = spiffe::TrustDomain::Parse("example.org").value();
  const spiffe::Bundle trusted{.trust_domain = trust_domain,
                               .x509_authorities = {{ToBytes(bundle.x509_authorities(0).asn1())}}};
  const auto verified = crypto::VerifyX509Svid(
      {ToBytes(issued.results(0).svid().cert_chain(0))},
      {{trust_domain, crypto::TrustStore::Create(trusted).value()}}, site.clock.Now());
  REQUIRE_OK(verified);
  CHECK(verified->id.ToString() == "spiffe://example.org/web");

  agent_api::RenewAgentRequest renew;
  renew.mutable_params()->set_csr(node.Csr());
  Node renewed = node;
  renewed.svid =
      Ok<agent_api::RenewAgentResponse>(*connection, kAgent + "RenewAgent", renew).svid();
  const entry_api::GetAuthorizedEntriesRequest get;
  Ok<entry_api::GetAuthorizedEntriesResponse>(*connection, kEntry + "GetAuthorizedEntries", get);
  const auto second = renewed.Connect(site);
  REQUIRE(second);
  Ok<entry_api::GetAuthorizedEntriesResponse>(*second, kEntry + "GetAuthorizedEntries", get);
  const H2Reply old = connection->Call(kEntry + "GetAuthorizedEntries", "");
  CHECK(old.grpc_status() == 7);
  CHECK_FALSE(old.Header("grpc-status-details-bin").empty());

  agent_api::BanAgentRequest ban;
  *ban.mutable_id() = node.svid.id();
  const auto watch = second->Start("/signet.api.server.v1.Changes/Watch");
  REQUIRE(second->Until([&] { return !second->reply(watch).data.empty(); }));
  CHECK(site.Local()->Call(kAgent + "BanAgent", ban.SerializeAsString()).grpc_status() == 0);
  REQUIRE(second->UntilEnded(watch));
  CHECK(second->reply(watch).grpc_status() == 7);
  const H2Reply banned = second->Call(kEntry + "GetAuthorizedEntries", "");
  CHECK(banned.grpc_status() == 7);
  CHECK_FALSE(banned.Header("grpc-status-details-bin").empty());
}

TEST_CASE("a restart keeps authorities, agents and entries") {
  Site site;
  site.Start();
  const Node node = Attest(site, "tok");
  CreateEntry(site, "/web", node.svid.id().path());
  const bundle_api::GetBundleRequest get;
  const auto before = Ok<types::Bundle>(*site.Local(), kBundle + "GetBundle", get);
  site.server.reset();
  site.Start();
  const auto after = Ok<types::Bundle>(*site.Local(), kBundle + "GetBundle", get);
  CHECK(after.SerializeAsString() == before.SerializeAsString());
  const auto connection = node.Connect(site);
  REQUIRE(connection);
  CHECK(Ok<entry_api::GetAuthorizedEntriesResponse>(*connection, kEntry + "GetAuthorizedEntries",
                                                    entry_api::GetAuthorizedEntriesRequest())
            .entries_size() == 1);
}

TEST_CASE("a certificate of a stranger's authority fails the handshake") {
  Site site;
  site.Start();
  const test::TestCert stranger =
      test::TestCa("example.org", site.clock.Now()).IssueSvid("spiffe://example.org/spire/agent/x");
  test::H2TlsOptions options;
  options.certificate = stranger.der;
  options.key = stranger.key_pkcs8;
  const auto client = H2Client::Tls(site.server->tcp_port(), options);
  // Under TLS 1.3 the client learns of it at its first read.
  CHECK((!client || client->Call(kBundle + "GetBundle", "").grpc_status() != 0));
}

TEST_CASE("the port does not serve health or reflection, and tells strangers no entries") {
  Site site;
  site.Start();
  const auto anonymous = H2Client::Tls(site.server->tcp_port());
  REQUIRE(anonymous);
  CHECK(anonymous->Call(kEntry + "ListEntries", "").grpc_status() == 7);
  CHECK(anonymous->Call("/grpc.health.v1.Health/Check", "").grpc_status() > 0);
  CHECK(anonymous->Call("/spire.api.server.debug.v1.Debug/GetInfo", "").grpc_status() > 0);
  CHECK(site.Local()->Call("/grpc.health.v1.Health/Check", "").grpc_status() == 0);
  CHECK(site.Local()->Call("/spire.api.server.debug.v1.Debug/GetInfo", "").grpc_status() == 0);
}

TEST_CASE("a server that cannot start says what is in the way") {
  Site site;
  SECTION("port in use") {
    site.Start();
    Site second;
    second.config.bind_port = site.server->tcp_port();
    const auto started = second.TryStart();
    REQUIRE_ERROR(started, started.error().code, std::to_string(site.server->tcp_port()));
  }
  SECTION("data directory in use by another server") {
    site.Start();
    site.config.socket_path += "2";
    REQUIRE_ERROR(site.TryStart(), Code::kFailedPrecondition, "datastore.sqlite3");
  }
  SECTION("socket in use") {
    site.Start();
    Site second;
    second.config.socket_path = site.config.socket_path;
    const auto started = second.TryStart();
    REQUIRE_ERROR(started, started.error().code, site.config.socket_path);
  }
  SECTION("socket path too long") {
    site.config.socket_path = site.dir.path() + "/" + std::string(120, 's');
    const auto started = site.TryStart();
    REQUIRE_ERROR(started, started.error().code, "long");
  }
  SECTION("data directory that others may write") {
    REQUIRE(mkdir(site.config.data_dir.c_str(), 0700) == 0);
    REQUIRE(chmod(site.config.data_dir.c_str(), 0777) == 0);
    REQUIRE_ERROR(site.TryStart(), Code::kFailedPrecondition, "chmod 0700");
  }
  SECTION("key file with a wrong mode") {
    site.Start();
    site.server.reset();
    REQUIRE(chmod((site.config.data_dir + "/keys.json").c_str(), 0644) == 0);
    REQUIRE_ERROR(site.TryStart(), Code::kFailedPrecondition, "keys.json");
  }
  SECTION("data directory that cannot be made") {
    site.config.data_dir = "/proc/signet";
    const auto started = site.TryStart();
    REQUIRE_ERROR(started, started.error().code, "/proc/signet");
  }
}
