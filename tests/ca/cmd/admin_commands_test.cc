#include <google/protobuf/empty.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "core/base/files.h"
#include "core/crypto/bundle_codec.h"
#include "core/crypto/csr.h"
#include "signet/api/server/v1/cross_certificates.pb.h"
#include "spire/api/server/agent/v1/agent.pb.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"
#include "spire/api/server/localauthority/v1/localauthority.pb.h"
#include "spire/api/server/svid/v1/svid.pb.h"
#include "tests/ca/cmd/fake_server.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::ca_cmd {
namespace {

using test::FakeServer;

// tests/data/cmd/ca.pem is a self-signed CA made with openssl req -x509.
std::string CaPem() {
  return ToString(*ReadFile(std::string(SIGNET_TEST_DATA) + "/cmd/ca.pem", 10'000));
}

spire::api::types::Bundle TestBundle() {
  const auto trust_domain = spiffe::TrustDomain::Parse("example.org");
  const auto bundle = crypto::ParseBundlePem(*trust_domain, CaPem());
  spire::api::types::Bundle out;
  out.set_trust_domain("example.org");
  out.add_x509_authorities()->set_asn1(ToString(bundle->x509_authorities.at(0).der));
  out.set_sequence_number(3);
  return out;
}

spire::api::types::Agent TestAgent() {
  spire::api::types::Agent agent;
  agent.mutable_id()->set_trust_domain("example.org");
  agent.mutable_id()->set_path("/spire/agent/join_token/x");
  agent.set_attestation_type("join_token");
  agent.set_x509svid_serial_number("42");
  agent.set_x509svid_expires_at(1790000000);
  agent.set_agent_version("1.0");
  return agent;
}

TEST_CASE("token generate sends the lifetime and prints the token") {
  FakeServer server;
  spire::api::types::JoinToken token;
  token.set_value("abc");
  server.Answer("CreateJoinToken", token);
  CHECK(server.Run({"token", "generate"}).out == "Token: abc\n");
  CHECK(server.calls.back().second == "ttl: 600");
  server.Run({"token", "generate", "-ttl", "5", "-spiffeID", "spiffe://example.org/n"});
  CHECK(server.calls.back().second ==
        "ttl: 5 agent_id { trust_domain: \"example.org\" path: \"/n\" }");
  CHECK_THAT(server.Run({"token", "generate", "-ttl", "x"}).err, Catch::Contains("-ttl takes"));
}

TEST_CASE("agent list follows pages, sends its filters and prints what SPIRE's does") {
  FakeServer server;
  spire::api::server::agent::v1::ListAgentsResponse page;
  *page.add_agents() = TestAgent();
  page.set_next_page_token("n");
  server.Answer("ListAgents", page);
  spire::api::server::agent::v1::ListAgentsResponse last;
  *last.add_agents() = TestAgent();
  last.mutable_agents(0)->set_banned(true);
  last.mutable_agents(0)->clear_agent_version();
  server.Answer("ListAgents", last);
  const auto done = server.Run({"agent", "list", "-selector", "a:b", "-banned", "true",
                                "-canReattest", "false", "-attestationType", "join_token"});
  CHECK(server.calls[0].second ==
        "filter { by_attestation_type: \"join_token\" by_selector_match { selectors { type: \"a\" "
        "value: \"b\" } match: MATCH_SUPERSET } by_banned { value: true } by_can_reattest { } } "
        "page_size: 1000");
  CHECK(done.out ==
        "Found 2 attested agents:\n\n"
        "SPIFFE ID         : spiffe://example.org/spire/agent/join_token/x\n"
        "Attestation type  : join_token\n"
        "Expiration time   : 2026-09-21 14:13:20 +0000 UTC\n"
        "Serial number     : 42\n"
        "Can re-attest     : false\n"
        "Agent version     : 1.0\n\n"
        "SPIFFE ID         : spiffe://example.org/spire/agent/join_token/x\n"
        "Attestation type  : join_token\n"
        "Expiration time   : 2026-09-21 14:13:20 +0000 UTC\n"
        "Banned            : true\n"
        "Can re-attest     : false\n\n");
  CHECK_THAT(server.Run({"agent", "list", "-banned", "maybe"}).err,
             Catch::Contains("true or false"));
}

TEST_CASE("agent count, show, evict and ban") {
  FakeServer server;
  spire::api::server::agent::v1::CountAgentsResponse count;
  server.Answer("CountAgents", count);
  CHECK(server.Run({"agent", "count"}).out == "0 attested agents\n");

  auto agent = TestAgent();
  auto* selector = agent.add_selectors();
  selector->set_type("k");
  selector->set_value("v");
  server.Answer("GetAgent", agent);
  const auto shown =
      server.Run({"agent", "show", "-spiffeID", "spiffe://example.org/spire/agent/x"});
  CHECK_THAT(shown.out, Catch::StartsWith("Found an attested agent given its SPIFFE ID\n\n"));
  CHECK_THAT(shown.out, Catch::EndsWith("Selectors         : k:v\n"));

  server.Answer("DeleteAgent", google::protobuf::Empty());
  server.Answer("BanAgent", google::protobuf::Empty());
  for (const auto& [verb, want] : std::vector<std::pair<std::string, std::string>>{
           {"evict", "Agent evicted successfully\n"}, {"ban", "Agent banned successfully\n"}}) {
    CHECK(server.Run({"agent", verb, "-spiffeID", "spiffe://example.org/spire/agent/x"}).out ==
          want);
    CHECK(server.calls.back().second ==
          "id { trust_domain: \"example.org\" path: \"/spire/agent/x\" }");
    CHECK_THAT(server.Run({"agent", verb}).err, Catch::Contains("-spiffeID is required"));
  }
  CHECK(server.Run({"agent", "ban", "-spiffeID", "spiffe://a/b", "-output", "json"}).out == "{}\n");
}

TEST_CASE("bundle show prints PEM, a JWK set or protobuf JSON") {
  FakeServer server;
  server.Answer("GetBundle", TestBundle());
  CHECK(server.Run({"bundle", "show"}).out == CaPem());
  const auto jwks = nlohmann::json::parse(server.Run({"bundle", "show", "-format", "spiffe"}).out);
  CHECK(jwks["spiffe_sequence"] == 3);
  CHECK(jwks["keys"].size() == 1);
  const auto proto = nlohmann::json::parse(server.Run({"bundle", "show", "-output", "json"}).out);
  CHECK(proto["trust_domain"] == "example.org");
  CHECK(proto["sequence_number"] == "3");
  CHECK(proto["x509_authorities"][0]["tainted"] == false);
  CHECK_THAT(server.Run({"bundle", "show", "-format", "der"}).err,
             Catch::Contains("-format expects"));
}

TEST_CASE("bundle cross prints cross-certificates, and on the side what has none") {
  using namespace signet::api::server::v1;
  FakeServer server;
  ListCrossCertificatesResponse response;
  CrossCertificate& of = *response.add_cross_certificates();
  of.set_trust_domain("example.org");
  of.add_certificates(TestBundle().x509_authorities(0).asn1());
  of.add_left_out("X.509 authority 2 of example.org: it expired");
  server.Answer("ListCrossCertificates", response);
  const auto outcome = server.Run({"bundle", "cross", "-id", "spiffe://example.org"});
  CHECK(outcome.code == 0);
  CHECK(outcome.out == CaPem());
  CHECK(outcome.err == "Left out: X.509 authority 2 of example.org: it expired\n");
  CHECK(server.calls.back().second == "trust_domains: \"example.org\"");
  CHECK_THAT(server.Run({"bundle", "cross"}).err, Catch::Contains("-id is required"));

  FakeServer none;
  of.clear_certificates();
  none.Answer("ListCrossCertificates", response);
  CHECK_THAT(none.Run({"bundle", "cross", "-id", "example.org"}).err,
             Catch::Contains("it expired") && Catch::Contains("can be certified"));
  FakeServer unknown;
  unknown.Answer("ListCrossCertificates", ListCrossCertificatesResponse());
  CHECK_THAT(unknown.Run({"bundle", "cross", "-id", "example.org"}).err,
             Catch::Contains("no bundle of example.org"));
}

TEST_CASE("bundle list, count, set and delete") {
  using namespace spire::api::server::bundle::v1;
  FakeServer server;
  ListFederatedBundlesResponse list;
  *list.add_bundles() = TestBundle();
  server.Answer("ListFederatedBundles", list);
  const std::string line(40, '*');
  CHECK(server.Run({"bundle", "list"}).out == line + "\n* example.org\n" + line + "\n" + CaPem());
  server.Answer("GetFederatedBundle", TestBundle());
  CHECK(server.Run({"bundle", "list", "-id", "spiffe://example.org"}).out == CaPem());
  CHECK(server.calls.back().second == "trust_domain: \"example.org\"");
  CountBundlesResponse count;
  count.set_count(2);
  server.Answer("CountBundles", count);
  CHECK(server.Run({"bundle", "count"}).out == "2 bundles\n");

  BatchSetFederatedBundleResponse set;
  set.add_results();
  server.Answer("BatchSetFederatedBundle", set);
  CHECK(server.Run({"bundle", "set", "-id", "example.org"}, CaPem()).out == "bundle set.\n");
  CHECK_THAT(server.calls.back().second, Catch::Contains("bundle { trust_domain: \"example.org\""));
  CHECK(server.Run({"bundle", "set", "-id", "example.org"}, "junk").code == 1);
  CHECK_THAT(server.Run({"bundle", "set"}).err, Catch::Contains("-id is required"));

  BatchDeleteFederatedBundleResponse failed;
  auto* status = failed.add_results()->mutable_status();
  status->set_code(9);
  status->set_message("federated with 1 entry");
  server.Answer("BatchDeleteFederatedBundle", failed);
  const auto refused =
      server.Run({"bundle", "delete", "-id", "example.org", "-mode", "dissociate"});
  CHECK(refused.code == 1);
  CHECK(refused.err == "Error: federated with 1 entry\n");
  CHECK(server.calls.back().second == "trust_domains: \"example.org\" mode: DISSOCIATE");
  CHECK_THAT(server.Run({"bundle", "delete", "-id", "a", "-mode", "x"}).err,
             Catch::Contains("-mode expects"));
}

TEST_CASE("localauthority x509 show prints the three slots") {
  FakeServer server;
  spire::api::server::localauthority::v1::GetX509AuthorityStateResponse state;
  state.mutable_active()->set_authority_id("ab");
  state.mutable_active()->set_expires_at(1790000000);
  server.Answer("GetX509AuthorityState", state);
  CHECK(server.Run({"localauthority", "x509", "show"}).out ==
        "Active X.509 authority:\n  Authority ID: ab\n"
        "  Expires at: 2026-09-21 14:13:20 +0000 UTC\n"
        "  Upstream authority ID: No upstream authority\n\n"
        "Prepared X.509 authority:\n  No prepared X.509 authority found\n\n"
        "Old X.509 authority:\n  No old X.509 authority found\n");
}

TEST_CASE("healthcheck succeeds only when the server says SERVING") {
  FakeServer server;
  google::protobuf::Int32Value status;
  status.set_value(1);
  server.Answer("Check", status);
  const auto healthy = server.Run({"healthcheck", "-shallow", "-verbose"});
  CHECK(healthy.code == 0);
  CHECK(healthy.out == "Checking server health...\nServer is healthy.\n");
  FakeServer starting;
  status.set_value(2);
  starting.Answer("Check", status);
  CHECK(starting.Run({"healthcheck"}).code == 1);
  FakeServer away;
  away.Fail("Check", Unavailable("nothing answers"));
  CHECK(away.Run({"healthcheck"}).err == "Error: server is unhealthy: nothing answers\n");
}

TEST_CASE("x509 mint sends a request for a fresh key and writes or prints what comes back") {
  FakeServer server;
  spire::api::server::svid::v1::MintX509SVIDResponse response;
  response.mutable_svid()->add_cert_chain(TestBundle().x509_authorities(0).asn1());
  response.mutable_svid()->set_expires_at(4'000'000'000);
  server.Answer("MintX509SVID", response);
  server.Answer("GetBundle", TestBundle());
  const auto shown = server.Run(
      {"x509", "mint", "-spiffeID", "spiffe://example.org/w", "-ttl", "90500ms", "-dns", "a.b"});
  CHECK(shown.code == 0);
  CHECK(shown.err.empty());
  CHECK_THAT(server.calls[0].second, Catch::EndsWith("ttl: 91"));
  CHECK_THAT(shown.out, Catch::StartsWith("X509-SVID:\n" + CaPem() +
                                          "\nPrivate key:\n-----BEGIN PRIVATE KEY-----\n"));
  CHECK_THAT(shown.out, Catch::EndsWith("\nRoot CAs:\n" + CaPem() + "\n"));

  const auto json = nlohmann::json::parse(
      server.Run({"x509", "mint", "-spiffeID", "spiffe://example.org/w", "-output", "json"}).out);
  CHECK(json["x509_svid"].size() == 1);
  CHECK(json["root_cas"].size() == 1);

  signet::test::TempDir dir;
  const auto written =
      server.Run({"x509", "mint", "-spiffeID", "spiffe://example.org/w", "-write", dir.path()});
  CHECK(written.out == "X509-SVID written to " + dir.File("svid.pem") +
                           "\nPrivate key written to " + dir.File("key.pem") +
                           "\nRoot CAs written to " + dir.File("bundle.pem") + "\n");
  REQUIRE_OK(ReadSecretFile(dir.File("key.pem"), 10'000));
  CHECK(ToString(*ReadFile(dir.File("svid.pem"), 10'000)) == CaPem());
}

TEST_CASE("x509 mint refuses wrong flags and warns of a capped life") {
  FakeServer server;
  CHECK_THAT(server.Run({"x509", "mint"}).err, Catch::Contains("-spiffeID is required"));
  CHECK_THAT(server.Run({"x509", "mint", "-spiffeID", "spiffe://a/b", "-ttl", "60"}).err,
             Catch::Contains("-ttl: \"60\" is not a duration"));
  CHECK(server.calls.empty());
  spire::api::server::svid::v1::MintX509SVIDResponse response;
  response.mutable_svid()->add_cert_chain(TestBundle().x509_authorities(0).asn1());
  response.mutable_svid()->set_expires_at(1'000);
  server.Answer("MintX509SVID", response);
  server.Answer("GetBundle", TestBundle());
  CHECK_THAT(server.Run({"x509", "mint", "-spiffeID", "spiffe://a/b", "-ttl", "1h"}).err,
             Catch::Contains("ends with its authority"));
}

TEST_CASE("the CSR of x509 mint carries the ID and the names, signed by the new key") {
  std::string csr;
  const ServerConnector connector =
      [&csr](const std::string&) -> Result<std::unique_ptr<ServerApi>> {
    struct Forward final : ServerApi {
      explicit Forward(std::string& to) : out(to) {}
      Status Call(std::string_view, const google::protobuf::Message& request,
                  google::protobuf::Message&) override {
        out = dynamic_cast<const spire::api::server::svid::v1::MintX509SVIDRequest&>(request).csr();
        return Unavailable("enough");
      }
      std::string& out;
    };
    return std::unique_ptr<ServerApi>(std::make_unique<Forward>(csr));
  };
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  config::Io io{in, out, err};
  config::RunProgram({"s", "0", AdminCommands(connector)},
                     {"x509", "mint", "-spiffeID", "spiffe://a/b", "-dns", "x.y", "-dns", "z"}, io);
  const auto parsed = crypto::ParseCsr(AsBytes(csr));
  REQUIRE_OK(parsed);
  CHECK(parsed->uri_sans == std::vector<std::string>{"spiffe://a/b"});
  CHECK(parsed->dns_sans == std::vector<std::string>{"x.y", "z"});
}

}  // namespace
}  // namespace signet::ca_cmd
