// From a foreign bundle on the server to a TLS server that is OpenSSL's: a forged SVID is refused.
#include <unistd.h>

#include <deque>

#include "core/base/files.h"
#include "core/crypto/certificate.h"
#include "core/crypto/pem.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"
#include "tests/support/shell.h"
#include "tests/workload-api/cmd/house.h"
#include "workload-api/cmd/cross_certificate_watch.h"

namespace signet::test {
namespace {

using agent_cmd::CrossCertificateWatch;
using State = CrossCertificateWatch::State;

spiffe::Selector MyUid() { return {"unix", "uid:" + std::to_string(::geteuid())}; }
spiffe::TrustDomain Other() { return spiffe::TrustDomain::Parse("other.test").value(); }

/// States collects what a watch tells.
class States {
 public:
  void Add(State state) {
    const std::lock_guard lock(mutex_);
    states_.push_back(std::move(state));
  }
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return states_.size();
  }
  State Newest() const {
    const std::lock_guard lock(mutex_);
    return states_.empty() ? State() : states_.back();
  }

 private:
  mutable std::mutex mutex_;
  std::deque<State> states_;
};

/// Federation is a house whose only workload federates with other.test.
struct Federation {
  explicit Federation(std::function<void(agent_cmd::AgentConfig&)> adjust = {}) {
    house.adjust_agent = std::move(adjust);
    house.SetBundle("other.test", {root.der()});
    house.CreateFederatedEntry(token, "/web", {MyUid()}, "other.test");
    agent = house.StartAgent(token).value();
    REQUIRE(Eventually([this] { return agent->Ready(); }));
    watch = CrossCertificateWatch::Open("unix://" + house.socket_path(), house.logger,
                                        [this](State state) { states.Add(std::move(state)); })
                .value();
  }
  Bytes Cross() {
    REQUIRE(Eventually([this] { return states.Newest().size() == 1; }));
    return states.Newest().at(Other()).front();
  }

  RealClock clock;
  TestCa root{"other.test", clock.Now()};
  States states;  // outlives the watch
  House house;
  std::string token = house.JoinToken();
  std::unique_ptr<agent_cmd::RunningAgent> agent;
  std::unique_ptr<CrossCertificateWatch> watch;
};

constexpr char kServed[] = "HTTP/1.0 200 ok";

/// TlsServer is openssl s_server with one file of CA certificates.
class TlsServer {
 public:
  TlsServer(const TestCert& certificate, const std::vector<Bytes>& authorities) {
    Write("server", certificate);
    std::string pem;
    for (const Bytes& der : authorities) {
      pem += crypto::PemEncode("CERTIFICATE", der);
    }
    REQUIRE_OK(WriteFileAtomic(dir_.File("ca.pem"), AsBytes(pem)));
  }
  /// Connect gives what client and server say when a client with this certificate asks for the
  /// server's status page.
  std::string Connect(const TestCert& client) {
    Write("client", client);
    const std::string output = Shell("cd " + dir_.path() + R"(
      rm -f server.log
      timeout 20 openssl s_server -accept 127.0.0.1:0 -www -cert server.pem -key server.key \
        -CAfile ca.pem -Verify 4 -verify_return_error >server.log 2>&1 & server=$!
      for i in $(seq 200); do
        port=$(sed -n 's/^ACCEPT .*://p' server.log 2>/dev/null)
        [ -n "$port" ] && break
        sleep 0.05
      done
      printf 'GET / HTTP/1.0\r\n\r\n' | timeout 20 openssl s_client -ign_eof \
        -connect 127.0.0.1:$port -cert client.pem -key client.key 2>&1
      kill $server
      wait
      cat server.log)")
                                   .text;
    REQUIRE_THAT(output, Catch::Contains("ACCEPT 127.0.0.1:"));
    return output;
  }

 private:
  void Write(const std::string& name, const TestCert& certificate) {
    REQUIRE_OK(WriteFileAtomic(dir_.File(name + ".pem"),
                               AsBytes(crypto::PemEncode("CERTIFICATE", certificate.der))));
    REQUIRE_OK(WriteFileAtomic(dir_.File(name + ".key"),
                               AsBytes(crypto::PemEncode("PRIVATE KEY", certificate.key_pkcs8))));
  }
  TempDir dir_;
};

Bytes OwnRoot(const House& house) {
  const auto file = ReadFile(house.dir.File("bundle.pem"), 100'000);
  return crypto::PemDecode(AsText(file.value())).value().front().content;
}

}  // namespace

TEST_CASE("an SVID that a federated trust domain forges is refused by an OpenSSL server") {
  Federation world;
  const Bytes cross = world.Cross();
  const Bytes ours = OwnRoot(world.house);
  const TestCert own = world.root.IssueSvid("spiffe://other.test/web");
  const TestCert forged = world.root.IssueSvid("spiffe://example.org/frontend");

  // Both roots as they are: the hole.
  CHECK_THAT(TlsServer(own, {ours, world.root.der()}).Connect(forged), Catch::Contains(kServed));
  TlsServer constrained(own, {ours, cross});
  CHECK_THAT(constrained.Connect(own), Catch::Contains(kServed));
  const std::string refused = constrained.Connect(forged);
  CHECK_THAT(refused, !Catch::Contains(kServed));
  CHECK_THAT(refused, Catch::Contains("permitted subtree violation"));
}

TEST_CASE("the CA file that is delivered is our root and the cross-certificate, on both ways") {
  const TempDir dir;
  Federation world([&dir](agent_cmd::AgentConfig& config) {
    agent_cmd::DeliveryTarget target{
        .name = "inside", .dir = dir.File("inside"), .selectors = {MyUid()}};
    target.files.push_back({.name = "ca.pem", .content = delivery::Content::kConstrainedBundles});
    config.delivery.push_back(std::move(target));
  });
  const std::string want = crypto::PemEncode("CERTIFICATE", OwnRoot(world.house)) +
                           crypto::PemEncode("CERTIFICATE", world.Cross());
  const auto delivered = [&dir](const std::string& target) {
    const auto file = ReadFile(dir.File(target + "/ca.pem"), 100'000);
    return file.ok() ? ToString(*file) : "";
  };
  CHECK(Eventually([&] { return delivered("inside") == want; }));

  // At once and not at the second try: -once delivers once.
  REQUIRE_OK(WriteFileAtomic(
      dir.File("deliver.json"),
      AsBytes(R"({"deliver": {"socket_path": ")" + world.house.socket_path() +
              R"(", "targets": {"beside": {"dir": ")" + dir.File("beside") +
              R"(", "files": {"ca.pem": {"content": "constrained_bundles"}}}}}})")));
  const std::string output =
      Shell(std::string(SIGNET_BINARY_DIR) +
            "/workload-api/cmd/signet-agent deliver -once -config " + dir.File("deliver.json"))
          .text;
  INFO(output);
  CHECK(delivered("beside") == want);
}

TEST_CASE("cross-certificates follow the foreign bundle, and outlive both programs' restarts") {
  Federation world;
  const Bytes first = world.Cross();
  const TestCa next("other.test", world.clock.Now());
  world.house.SetBundle("other.test", {world.root.der(), next.der()});
  REQUIRE(Eventually([&] { return world.states.Newest()[Other()].size() == 2; }));
  CHECK(world.states.Newest()[Other()].front() == first);
  const std::size_t told = world.states.count();

  // The server signs anew when it starts, which is no news to anybody.
  world.house.StopServer();
  world.house.StartServer();
  world.house.SetBundle("third.test", {TestCa("third.test", world.clock.Now()).der()});
  world.house.SetBundle("other.test", {next.der()});
  REQUIRE(Eventually([&] { return world.states.Newest()[Other()].size() == 1; }));
  CHECK(world.states.count() == told + 1);

  world.agent.reset();
  world.agent = world.house.StartAgent().value();
  REQUIRE(Eventually([&] { return world.states.count() == told + 2; }));
  CHECK(world.states.Newest()[Other()].size() == 1);
}

}  // namespace signet::test
