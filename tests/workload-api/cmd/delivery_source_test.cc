#include "workload-api/cmd/delivery_source.h"

#include "tests/support/result.h"
#include "tests/workload-api/client/test_pki.h"

namespace signet::agent_cmd {
namespace {

using client::test::Authority;
using client::test::MessageFor;
using client::test::SnapshotFor;
using client::test::WireSvid;
using std::chrono::seconds;

constexpr const char* kWeb = "spiffe://example.org/web";
constexpr const char* kDb = "spiffe://example.org/db";

spiffe::SpiffeId Id(const char* id) { return spiffe::SpiffeId::Parse(id).value(); }

client::X509Snapshot TwoIdentities(const Authority& own, const Authority& friends) {
  client::X509Message message = MessageFor(own, kWeb);
  message.svids.push_back(WireSvid(own, kDb, "database"));
  message.federated_bundles["spiffe://friends.example"] = friends.der();
  return SnapshotFor(std::move(message));
}

TEST_CASE("a target gets the first identity, or the one that it names") {
  const Authority own("example.org");
  const Authority friends("friends.example");
  const auto snapshot = TwoIdentities(own, friends);
  const std::pair<IdentityChoice, const char*> rows[] = {
      {{}, kWeb},
      {{.id = Id(kDb)}, kDb},
      {{.hint = "database"}, kDb},
      {{.id = Id(kDb), .hint = "database"}, kDb},
  };
  for (const auto& [choice, id] : rows) {
    const auto material = MaterialOf(*snapshot, choice, {});
    REQUIRE_OK(material);
    CHECK((*material)->id.ToString() == id);
    REQUIRE_OK(CheckUsable(**material, RealClock().Now()));
    CHECK((*material)->bundles.size() == 2);
    CHECK((*material)->not_after > RealClock().Now());
  }
  REQUIRE_ERROR(MaterialOf(*snapshot, {.id = Id("spiffe://example.org/mail")}, {}), Code::kNotFound,
                "granted: spiffe://example.org/web, spiffe://example.org/db");
  REQUIRE_ERROR(MaterialOf(*snapshot, {.id = Id(kWeb), .hint = "database"}, {}), Code::kNotFound,
                "spiffe_id spiffe://example.org/web, hint \"database\"");
}

/// Shelf keeps what it is given.
struct Shelf {
  std::mutex mutex;
  std::vector<std::string> ids;
  std::size_t cross = 0;
};

class ShelfSite final : public delivery::Site {
 public:
  explicit ShelfSite(Shelf& shelf) : shelf_(shelf) {}
  Result<Published> Publish(const delivery::Material& material, SystemTime) override {
    const std::lock_guard lock(shelf_.mutex);
    shelf_.ids.push_back(material.id.ToString());
    shelf_.cross = material.cross_certificates.size();
    return Published{"g", true};
  }
  Status Act() override { return {}; }
  Result<Bytes> Served() override { return Bytes{}; }
  bool acts() const override { return false; }
  bool verifies() const override { return false; }
  std::string Describe() const override { return "a shelf"; }

 private:
  Shelf& shelf_;
};

TEST_CASE("what the Workload API says reaches each target, and what it takes away too") {
  const Authority own("example.org");
  const Authority friends("friends.example");
  Shelf web;
  Shelf mail;
  RealClock clock;
  MemoryLogger logger;
  std::vector<std::unique_ptr<delivery::Target>> targets;
  for (Shelf* const shelf : {&web, &mail}) {
    targets.push_back(std::make_unique<delivery::Target>(
        shelf == &web ? "web" : "mail", std::make_unique<ShelfSite>(*shelf), delivery::Pace{},
        delivery::Target::World{clock, logger}));
  }
  delivery::Driver driver(std::move(targets));
  DeliverySource source({{}, {.id = Id("spiffe://example.org/mail")}}, {driver, logger});
  const auto delivered = [&driver] {
    return driver.GetHealth().targets[0].condition == delivery::Condition::kDelivered;
  };
  const auto until = [](const auto& question) {
    for (int i = 0; i < 100'000 && !question(); ++i) {
      std::this_thread::yield();
    }
    return question();
  };
  source.Report(Unavailable("no socket there"));
  source.Report(Unavailable("no socket there"));
  CHECK(source.Problem() == "no socket there");
  CHECK(logger.Lines().size() == 1);
  source.Update(TwoIdentities(own, friends));
  CHECK(source.Problem().empty());
  REQUIRE(until(delivered));
  CHECK(driver.GetHealth().targets[1].problem.find("none of the identities granted") == 0);

  CrossCertificates cross;
  cross[spiffe::TrustDomain::Parse("friends.example").value()] = {friends.der()};
  source.SetCrossCertificates(cross);
  REQUIRE(until([&web] {
    const std::lock_guard lock(web.mutex);
    return web.cross == 1;
  }));
  source.Update(nullptr);
  source.Report(PermissionDenied("no identity issued"));
  CHECK(driver.GetHealth().targets[0].problem == "no identity issued");
  CHECK(driver.GetHealth().targets[0].ready);
  CHECK(mail.ids.empty());
}

}  // namespace
}  // namespace signet::agent_cmd
