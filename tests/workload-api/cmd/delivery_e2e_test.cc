// Identities as files, written by a real agent under a real server.
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/crypto/pem.h"
#include "core/crypto/x509_svid.h"
#include "tests/support/result.h"
#include "tests/workload-api/cmd/house.h"

namespace signet::test {
namespace {

// Not this process: the agent writes for workloads that it is told of, whether they run or not.
const spiffe::Selector kNginx{"unix", "user:nginx-of-the-test"};

agent_cmd::DeliveryTarget Target(const std::string& dir) {
  agent_cmd::DeliveryTarget target{.name = "web", .dir = dir, .selectors = {kNginx}};
  target.files.push_back({.name = "svid.pem", .content = delivery::Content::kChain});
  target.files.push_back({.name = "key.pem", .content = delivery::Content::kKey});
  target.files.push_back({.name = "ca.pem", .content = delivery::Content::kBundle});
  return target;
}

std::string Read(const std::string& path) {
  const auto content = ReadFile(path, 100'000);
  return content.ok() ? ToString(*content) : "";
}

TEST_CASE("the agent itself keeps the files of a workload fresh, and leaves the last ones") {
  House house;
  const std::string token = house.JoinToken();
  const std::string dir = house.dir.File("identity");
  house.adjust_agent = [&](agent_cmd::AgentConfig& config) {
    config.delivery.push_back(Target(dir));
  };
  auto agent = house.StartAgent(token);
  REQUIRE_OK(agent);
  REQUIRE(Eventually([&] { return house.logger.Contains("no identity for this target yet"); }));
  const std::string entry = house.CreateEntry(token, "/web", {kNginx});
  REQUIRE(Eventually([&] { return !Read(dir + "/svid.pem").empty(); }));
  const auto blocks = crypto::PemDecode(Read(dir + "/svid.pem"));
  REQUIRE_OK(blocks);
  const auto svid = crypto::X509Svid::FromChain(std::vector<Bytes>{blocks->front().content});
  REQUIRE_OK(svid);
  CHECK(svid->id.ToString() == "spiffe://example.org/web");
  struct stat key {};
  REQUIRE(::stat((dir + "/key.pem").c_str(), &key) == 0);
  CHECK((key.st_mode & 07777) == 0600);
  CHECK_FALSE(Read(dir + "/ca.pem").empty());
  REQUIRE(Eventually([&] { return house.logger.Contains("delivered target=web"); }));

  const std::string before = Read(dir + "/svid.pem");
  house.DeleteEntry(entry);
  REQUIRE(Eventually([&] { return house.logger.Contains("its last files stay"); }));
  CHECK(Read(dir + "/svid.pem") == before);
  house.CreateEntry(token, "/web", {kNginx});
  REQUIRE(Eventually([&] { return Read(dir + "/svid.pem") != before; }));
}

}  // namespace
}  // namespace signet::test
