#include "workload-api/cmd/api_commands.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/files.h"
#include "signet/api/agent/v1/secret_streams.pb.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "workload.pb.h"

namespace signet::agent_cmd {
namespace {

/// Agent is a scripted agent: each WatchX509 hands over its responses, then ends with `end`.
struct Agent {
  std::vector<X509SVIDResponse> responses = {};
  Status end = Unavailable("the agent ended the stream");
  Status health = {};
  Result<signet::api::agent::v1::ListStreamsResponse> streams = Error{Code::kUnimplemented, "x"};
  int watches = 0;
  int pauses_left = 0;
  Duration timeout{};
};

class FakeClient final : public WorkloadClient {
 public:
  explicit FakeClient(Agent& agent) : agent_(agent) {}
  Status WatchX509(Duration timeout,
                   const std::function<bool(const X509SVIDResponse&)>& receive) override {
    ++agent_.watches;
    agent_.timeout = timeout;
    for (const auto& response : agent_.responses) {
      if (!receive(response)) {
        return {};
      }
    }
    return agent_.end;
  }
  Status Healthy() override { return agent_.health; }
  Status ListSecretStreams(signet::api::agent::v1::ListStreamsResponse& response) override {
    SIGNET_TRY(agent_.streams);
    response = *agent_.streams;
    return {};
  }

 private:
  Agent& agent_;
};

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome Run(Agent& agent, const std::vector<std::string>& arguments) {
  const FakeClock clock;
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  config::Io io{in, out, err};
  const ApiWorld world{
      clock,
      [&](const std::string&) -> Result<std::unique_ptr<WorkloadClient>> {
        return std::unique_ptr<WorkloadClient>(std::make_unique<FakeClient>(agent));
      },
      [&] { return agent.pauses_left-- > 0; }};
  std::vector<std::string> line = arguments;
  line.insert(line.end(), {"-socketPath", "/s"});
  const int code = config::RunProgram({"signet-agent", "0", ApiCommands(world)}, line, io);
  return {code, out.str(), err.str()};
}

const test::TestCa& Ca() {
  static const test::TestCa ca("example.org");
  return ca;
}

X509SVIDResponse Response(const std::string& id = "spiffe://example.org/web") {
  const test::TestCert cert = Ca().IssueSvid(id);
  X509SVIDResponse response;
  auto* svid = response.add_svids();
  svid->set_spiffe_id(id);
  svid->set_x509_svid(ToString(cert.der));
  svid->set_x509_svid_key(ToString(cert.key_pkcs8));
  svid->set_bundle(ToString(Ca().der()));
  svid->set_hint("internal");
  (*response.mutable_federated_bundles())["spiffe://other"] = ToString(Ca().der());
  return response;
}

TEST_CASE("api fetch x509 prints the identity, validity and authorities as SPIRE's does") {
  Agent agent{.responses = {Response()}};
  const Outcome done = Run(agent, {"api", "fetch", "x509", "-timeout", "3s"});
  INFO(done.err);
  CHECK(done.code == 0);
  CHECK(agent.timeout == std::chrono::seconds(3));
  CHECK_THAT(done.out, Catch::StartsWith("Received 1 svid after 0.000ms\n\n"
                                         "SPIFFE ID:\t\tspiffe://example.org/web\n"
                                         "Hint:\t\t\tinternal\n"
                                         "SVID Valid After:\t2026-09-21 13:13:20 +0000 UTC\n"
                                         "SVID Valid Until:\t2026-09-21 15:13:20 +0000 UTC\n"
                                         "CA #1 Valid After:\t"));
  CHECK_THAT(done.out, Catch::Contains("[spiffe://other] CA #1 Valid Until:\t"));
}

TEST_CASE("api fetch x509 -write makes PEM files, the key for its owner alone") {
  Agent agent{.responses = {Response()}};
  test::TempDir dir;
  const Outcome done = Run(agent, {"api", "fetch", "x509", "-silent", "-write", dir.path()});
  INFO(done.err);
  CHECK(done.code == 0);
  CHECK_THAT(done.out,
             Catch::StartsWith("Writing SVID #0 to file " + dir.File("svid.0.pem") + ".\n"));
  for (const char* name : {"svid.0.pem", "bundle.0.pem", "federated_bundle.0.0.pem"}) {
    const auto content = ReadFile(dir.File(name), 10'000);
    REQUIRE_OK(content);
    CHECK_THAT(ToString(*content), Catch::StartsWith("-----BEGIN CERTIFICATE-----\n"));
  }
  const auto key = ReadSecretFile(dir.File("svid.0.key"), 10'000);
  REQUIRE_OK(key);
  CHECK_THAT(ToString(*key), Catch::StartsWith("-----BEGIN PRIVATE KEY-----\n"));
}

TEST_CASE("api fetch x509 -output json prints the response") {
  Agent agent{.responses = {Response()}};
  const auto json =
      nlohmann::json::parse(Run(agent, {"api", "fetch", "x509", "-output", "json"}).out);
  CHECK(json["svids"][0]["spiffe_id"] == "spiffe://example.org/web");
  CHECK(json["svids"][0]["hint"] == "internal");
  CHECK(Run(agent, {"api", "fetch", "x509", "-output", "json", "-write", "/x"}).code == 1);
}

TEST_CASE("an answer that does not hold together is refused with the identity's name") {
  X509SVIDResponse wrong_key = Response();
  wrong_key.mutable_svids(0)->set_x509_svid_key(
      ToString(Ca().IssueSvid("spiffe://example.org/x").key_pkcs8));
  X509SVIDResponse wrong_id = Response();
  wrong_id.mutable_svids(0)->set_spiffe_id("spiffe://example.org/other");
  X509SVIDResponse wrong_ca = Response();
  wrong_ca.mutable_svids(0)->set_bundle(ToString(test::TestCa("example.org").der()));
  X509SVIDResponse junk = Response();
  junk.mutable_svids(0)->set_x509_svid("junk");
  X509SVIDResponse junk_bundle = Response();
  (*junk_bundle.mutable_federated_bundles())["spiffe://other"] = "junk";
  const std::vector<std::pair<X509SVIDResponse, std::string>> cases = {
      {X509SVIDResponse(), "holds no SVID"},
      {wrong_key, "SVID of \"spiffe://example.org/web\": the private key is not"},
      {wrong_id, "the certificate is that of spiffe://example.org/web"},
      {wrong_ca, "SVID of \"spiffe://example.org/web\": "},
      {junk, "SVID of \"spiffe://example.org/web\": "},
      {junk_bundle, "bundle of \"spiffe://other\": "},
  };
  for (const auto& [response, want] : cases) {
    Agent agent{.responses = {response}};
    const Outcome done = Run(agent, {"api", "fetch", "x509"});
    CHECK(done.code == 1);
    CHECK(done.out.empty());
    CHECK_THAT(done.err, Catch::Contains(want));
  }
}

TEST_CASE("a refusal says what a person can do") {
  Agent denied{.end = PermissionDenied("no identity issued")};
  CHECK_THAT(Run(denied, {"api", "fetch", "x509"}).err,
             Catch::Contains("is there an entry whose selectors it matches?: no identity issued"));
  Agent slow{.end = Error{Code::kDeadlineExceeded, "Deadline Exceeded"}};
  CHECK_THAT(Run(slow, {"api", "fetch", "x509"}).err, Catch::Contains("wait longer with -timeout"));
  CHECK_THAT(Run(slow, {"api", "fetch", "x509", "-timeout", "5"}).err,
             Catch::Contains("-timeout: "));
}

TEST_CASE("api watch prints every update and tries again when the stream ends") {
  Agent agent{.responses = {Response(), Response("spiffe://example.org/b")}, .pauses_left = 1};
  const Outcome done = Run(agent, {"api", "watch"});
  CHECK(done.code == 0);
  CHECK(agent.watches == 2);
  CHECK(agent.timeout == Duration::zero());
  std::size_t updates = 0;
  for (std::size_t at = 0; (at = done.out.find("Received 1 svid", at)) != std::string::npos; ++at) {
    ++updates;
  }
  CHECK(updates == 4);
  CHECK_THAT(done.err, Catch::Contains("the agent ended the stream"));
}

signet::api::agent::v1::ListStreamsResponse Streams() {
  signet::api::agent::v1::ListStreamsResponse response;
  auto& stream = *response.add_streams();
  stream.set_pid(17);
  stream.set_uid(1000);
  stream.set_node_id("edge\x1b[31m");
  stream.set_variant("sotw");
  stream.set_opened_at(1'790'000'000 - 90);
  const auto add = [&](const char* name, const char* sent, const char* accepted) -> auto& {
    auto& secret = *stream.add_secrets();
    secret.set_name(name);
    secret.set_sent(sent);
    secret.set_accepted(accepted);
    return secret;
  };
  add("ALL", "aa", "aa");
  add("ROOTCA", "dd", "");
  auto& refused = add("default", "bb", "");
  refused.set_refused("bb");
  refused.set_refusal("no \"key\"\n");
  add("later", "", "");
  return response;
}

TEST_CASE("api sds shows each stream's secrets, and what clients say cannot touch the terminal") {
  Agent agent{.streams = Streams()};
  const Outcome done = Run(agent, {"api", "sds"});
  CHECK(done.code == 0);
  CHECK(done.out ==
        "Open SDS streams: 1\n\n"
        "pid 17, uid 1000, node \"edge\\u001b[31m\", sotw, open for 90 s\n"
        "  ALL: accepted aa\n"
        "  ROOTCA: sent, not yet accepted dd\n"
        "  default: refused bb: \"no \\\"key\\\"\\n\"\n"
        "  later: not served; the agent's log says why\n"
        "\n1 refused: the clients keep what they had before.\n");
}

TEST_CASE("api sds -output json has every field, and an agent without SDS says so") {
  Agent agent{.streams = Streams()};
  const auto json = nlohmann::json::parse(Run(agent, {"api", "sds", "-output", "json"}).out);
  CHECK(json["streams"][0]["pid"] == 17);
  CHECK(json["streams"][0]["opened_at"] == 1'790'000'000 - 90);
  CHECK(json["streams"][0]["secrets"][2]["refused"] == "bb");
  Agent without;
  const Outcome done = Run(without, {"api", "sds"});
  CHECK(done.code == 1);
  CHECK_THAT(done.err, Catch::Contains("disable_sds_api"));
  CHECK(Run(agent, {"api", "sds", "-output", "xml"}).code == 1);
}

TEST_CASE("healthcheck tells health by its exit code") {
  Agent agent;
  CHECK(Run(agent, {"healthcheck"}).out == "Agent is healthy.\n");
  agent.health = Unavailable("not attested");
  const Outcome done = Run(agent, {"healthcheck", "-verbose"});
  CHECK(done.code == 1);
  CHECK(done.err == "Error: agent is unhealthy: not attested\n");
}

}  // namespace
}  // namespace signet::agent_cmd
