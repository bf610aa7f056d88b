#include "workload-api/delivery/driver.h"

#include <future>

#include "tests/support/pki.h"
#include "tests/support/result.h"

namespace signet::delivery {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

/// GatedSite hangs in Publish until its gate opens.
class GatedSite final : public Site {
 public:
  explicit GatedSite(std::shared_future<void> gate) : gate_(std::move(gate)) {}
  Result<Published> Publish(const Material&, SystemTime) override {
    gate_.wait();
    return Published{"g", true};
  }
  Status Act() override { return {}; }
  Result<Bytes> Served() override { return Bytes{}; }
  bool acts() const override { return false; }
  bool verifies() const override { return false; }
  std::string Describe() const override { return ""; }

 private:
  std::shared_future<void> gate_;
};

struct Bench {
  RealClock clock;
  NullLogger logger;
  test::TestCa ca{"example.org", RealClock().Now()};

  std::shared_ptr<const Material> NewMaterial() const {
    const test::TestCert cert = ca.IssueSvid("spiffe://example.org/web");
    return std::make_shared<const Material>(
        Material{.id = spiffe::SpiffeId::Parse("spiffe://example.org/web").value(),
                 .chain = {cert.der},
                 .key = Secret(Bytes(cert.key_pkcs8)),
                 .not_after = clock.Now() + hours(1)});
  }
  std::unique_ptr<Target> NewTarget(const std::string& name, std::shared_future<void> gate) {
    return std::make_unique<Target>(name, std::make_unique<GatedSite>(std::move(gate)), Pace{},
                                    Target::World{clock, logger});
  }
};

TEST_CASE("a target that hangs delays no other, and health tells them apart") {
  Bench bench;
  std::promise<void> open;
  std::promise<void> shut;
  open.set_value();
  std::vector<std::unique_ptr<Target>> targets;
  targets.push_back(bench.NewTarget("slow", shut.get_future().share()));
  targets.push_back(bench.NewTarget("quick", open.get_future().share()));
  Driver driver(std::move(targets));
  driver.Offer(0, bench.NewMaterial());
  driver.Offer(1, bench.NewMaterial());
  while (!driver.GetHealth().targets[1].ready) {
    std::this_thread::yield();
  }
  Health health = driver.GetHealth();
  CHECK(health.live);
  CHECK_FALSE(health.ready);
  CHECK_FALSE(health.targets[0].ready);
  CHECK_FALSE(driver.WaitSettled(Duration::zero()));
  shut.set_value();
  REQUIRE(driver.WaitSettled(seconds(30)));
  CHECK(driver.GetHealth().ready);
  CHECK(driver.GetHealth().well);
}

TEST_CASE("a delivery without targets is live, and never ready") {
  const Driver driver({});
  CHECK(driver.GetHealth().live);
  CHECK_FALSE(driver.GetHealth().ready);
}

}  // namespace
}  // namespace signet::delivery
