#include <unistd.h>

#include <algorithm>

#include "core/crypto/certificate.h"
#include "tests/support/result.h"
#include "tests/workload-api/cmd/house.h"

namespace signet::test {
namespace {

using std::chrono::seconds;

spiffe::Selector MyUid() { return {"unix", "uid:" + std::to_string(::geteuid())}; }

/// First waits until the agent serves and gives the first message of a stream.
Result<Fetched> FirstFetch(const House& house, Duration limit = seconds(20)) {
  Result<Fetched> fetched = Unavailable("not asked yet");
  Eventually(
      [&] {
        fetched = SvidStream(house.socket_path()).Next();
        return fetched.ok();
      },
      limit);
  return fetched;
}

TEST_CASE(
    "EP-02, EP-07, EP-12, EP-13, EP-14: an agent attests with a join token and serves a workload "
    "its identity, which brings nothing but itself") {
  House house;
  const std::string token = house.JoinToken();
  house.CreateEntry(token, "/web", {MyUid()});
  auto agent = house.StartAgent(token);
  REQUIRE_OK(agent);
  const auto fetched = FirstFetch(house);
  REQUIRE_OK(fetched);
  CHECK(fetched->ids == std::vector<std::string>{"spiffe://example.org/web"});
  CHECK((*agent)->Ready());
  const auto chain = crypto::ParseCertificateList(fetched->chains[0]);
  REQUIRE_OK(chain);
  CHECK(chain->front().uri_sans == fetched->ids);
}

TEST_CASE(
    "WL-05, WL-20: entries that come and go reach an open stream, and the last one that goes ends "
    "it") {
  House house;
  const std::string token = house.JoinToken();
  const std::string web = house.CreateEntry(token, "/web", {MyUid()});
  auto agent = house.StartAgent(token);
  REQUIRE_OK(agent);
  REQUIRE_OK(FirstFetch(house));
  SvidStream stream(house.socket_path());
  REQUIRE_OK(stream.Next());

  const std::string api = house.CreateEntry(token, "/api", {MyUid()});
  const auto both = stream.Next();
  REQUIRE_OK(both);
  CHECK(both->ids.size() == 2);

  house.DeleteEntry(api);
  const auto one = stream.Next();
  REQUIRE_OK(one);
  CHECK(one->ids == std::vector<std::string>{"spiffe://example.org/web"});

  house.DeleteEntry(web);
  REQUIRE_ERROR(stream.Next(), Code::kPermissionDenied, "no identity issued");
}

TEST_CASE(
    "EP-06, EP-17: a call without the security header is refused, one without an identity denied "
    "and explained in the log") {
  House house;
  const std::string token = house.JoinToken();
  house.CreateEntry(token, "/other", {{"unix", "uid:4242"}});
  auto agent = house.StartAgent(token);
  REQUIRE_OK(agent);
  REQUIRE(Eventually([&] { return (*agent)->Ready(); }));
  REQUIRE_ERROR(SvidStream(house.socket_path(), false).Next(), Code::kInvalidArgument,
                "workload.spiffe.io");
  REQUIRE_ERROR(SvidStream(house.socket_path()).Next(), Code::kPermissionDenied,
                "no identity issued");
  CHECK(house.logger.Contains("missing unix:uid:4242"));
}

TEST_CASE(
    "leaves and authorities rotate under an open stream, and every SVID verifies by the bundle "
    "beside it") {
  House house([](ca_cmd::ServerConfig& config) {
    config.ca_ttl = seconds(24);
    config.default_x509_svid_ttl = seconds(6);
  });
  const std::string token = house.JoinToken();
  house.CreateEntry(token, "/web", {MyUid()});
  auto agent = house.StartAgent(token);
  REQUIRE_OK(agent);
  REQUIRE_OK(FirstFetch(house));
  SvidStream stream(house.socket_path());
  std::vector<Bytes> leaves;
  std::vector<Bytes> issuers;
  const RealClock clock;
  for (const auto end = clock.Mono() + seconds(30); clock.Mono() < end;) {
    const auto fetched = stream.Next();
    REQUIRE_OK(fetched);
    const auto chain = crypto::ParseCertificateList(fetched->chains[0]);
    const auto roots = crypto::ParseCertificateList(fetched->bundle);
    REQUIRE_OK(chain);
    REQUIRE_OK(roots);
    CHECK(std::any_of(roots->begin(), roots->end(), [&](const crypto::Certificate& root) {
      return root.subject_key_id == chain->back().authority_key_id;
    }));
    if (leaves.empty() || leaves.back() != chain->front().der) {
      leaves.push_back(chain->front().der);
    }
    if (issuers.empty() || issuers.back() != chain->back().authority_key_id) {
      issuers.push_back(chain->back().authority_key_id);
    }
  }
  CHECK(leaves.size() >= 6);
  CHECK(issuers.size() >= 2);
}

TEST_CASE("an agent that restarts has its identity, without a token") {
  House house;
  const std::string token = house.JoinToken();
  house.CreateEntry(token, "/web", {MyUid()});
  {
    auto agent = house.StartAgent(token);
    REQUIRE_OK(agent);
    REQUIRE_OK(FirstFetch(house));
  }
  auto agent = house.StartAgent();
  REQUIRE_OK(agent);
  REQUIRE_OK(FirstFetch(house));
}

TEST_CASE(
    "while the server is away the agent serves what it has, and goes on when the server is back") {
  House house;
  const std::string token = house.JoinToken();
  house.CreateEntry(token, "/web", {MyUid()});
  auto agent = house.StartAgent(token);
  REQUIRE_OK(agent);
  REQUIRE_OK(FirstFetch(house));
  SvidStream stream(house.socket_path());
  REQUIRE_OK(stream.Next());
  house.StopServer();
  REQUIRE_OK(SvidStream(house.socket_path()).Next());
  house.StartServer();
  house.CreateEntry(token, "/api", {MyUid()});
  const auto both = stream.Next();
  REQUIRE_OK(both);
  CHECK(both->ids.size() == 2);
}

TEST_CASE(
    "EP-16: an agent started before its server waits, and says so on its socket and in its log") {
  House house;
  const std::string token = house.JoinToken();
  house.CreateEntry(token, "/web", {MyUid()});
  house.StopServer();
  auto agent = house.StartAgent(token);
  REQUIRE_OK(agent);
  REQUIRE(Eventually([&] { return house.logger.Contains("trying again"); }));
  REQUIRE_ERROR(SvidStream(house.socket_path()).Next(), Code::kUnavailable, "not ready");
  house.StartServer();
  REQUIRE_OK(FirstFetch(house));
}

TEST_CASE("a banned agent ends its streams, deletes its identity and stops") {
  House house;
  const std::string token = house.JoinToken();
  house.CreateEntry(token, "/web", {MyUid()});
  auto agent = house.StartAgent(token);
  REQUIRE_OK(agent);
  REQUIRE_OK(FirstFetch(house));
  SvidStream stream(house.socket_path());
  REQUIRE_OK(stream.Next());
  house.BanAgent(token);
  REQUIRE_ERROR((*agent)->Wait(), Code::kPermissionDenied, "banned");
  CHECK(stream.Next().code() == Code::kPermissionDenied);
  CHECK(::access(house.dir.File("agent/data/agent_svid.pem").c_str(), F_OK) != 0);
}

TEST_CASE("an evicted agent whose token is spent stops with the reason") {
  House house;
  const std::string token = house.JoinToken();
  house.CreateEntry(token, "/web", {MyUid()});
  auto agent = house.StartAgent(token);
  REQUIRE_OK(agent);
  REQUIRE_OK(FirstFetch(house));
  house.EvictAgent(token);
  REQUIRE_ERROR((*agent)->Wait(), Code::kInvalidArgument, "join token");
}

TEST_CASE("an agent whose token the server does not know stops and says why") {
  House house;
  auto agent = house.StartAgent("no-such-token");
  REQUIRE_OK(agent);
  REQUIRE_ERROR((*agent)->Wait(), Code::kInvalidArgument, "join token");
  CHECK_FALSE(house.logger.Contains("no-such-token"));
}

TEST_CASE("an agent that trusts another authority does not talk to the server") {
  House house;
  House other;
  house.adjust_agent = [&other](agent_cmd::AgentConfig& config) {
    config.trust_bundle_path = other.dir.File("bundle.pem");
  };
  auto agent = house.StartAgent(house.JoinToken());
  REQUIRE_OK(agent);
  REQUIRE(Eventually([&] { return house.logger.Contains("trying again"); }));
  CHECK_FALSE((*agent)->Ready());
}

TEST_CASE("a start that cannot work says what is in the way") {
  House house;
  const std::string token = house.JoinToken();
  SECTION("a socket path that is too long") {
    house.adjust_agent = [&](agent_cmd::AgentConfig& config) {
      config.socket_path = house.dir.File(std::string(120, 's'));
    };
    CHECK_THAT(house.StartAgent(token).error().message, Catch::Contains("107"));
  }
  SECTION("a socket that another agent serves") {
    auto agent = house.StartAgent(token);
    REQUIRE_OK(agent);
    house.adjust_agent = [&](agent_cmd::AgentConfig& config) {
      config.data_dir = house.dir.File("second");
    };
    CHECK_THAT(house.StartAgent(token).error().message, Catch::Contains("in use"));
  }
  SECTION("a data directory that cannot be made") {
    house.adjust_agent = [&](agent_cmd::AgentConfig& config) {
      config.data_dir = house.dir.File("bundle.pem/x");
    };
    CHECK_THAT(house.StartAgent(token).error().message, Catch::Contains("data directory"));
  }
  SECTION("no trust bundle at all") {
    house.adjust_agent = [](agent_cmd::AgentConfig& config) { config.trust_bundle_path.clear(); };
    CHECK_THAT(house.StartAgent(token).error().message, Catch::Contains("trust_bundle_path"));
  }
}

}  // namespace
}  // namespace signet::test
