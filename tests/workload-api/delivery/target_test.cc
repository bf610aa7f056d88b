#include "workload-api/delivery/target.h"

#include <algorithm>

#include "tests/support/pki.h"
#include "tests/support/result.h"

namespace signet::delivery {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kWeb = "spiffe://example.org/web";

/// FakeSite does what a test tells it and remembers what was done to it.
struct SiteState {
  Status publish, act;
  std::optional<Result<Bytes>> served = {};  ///< none: what was published last
  std::vector<std::string> did = {};
  Bytes leaf = {};
  std::string generation = {};
};

class FakeSite final : public Site {
 public:
  explicit FakeSite(SiteState& state) : state_(state) {}
  Result<Published> Publish(const Material& material, SystemTime) override {
    state_.did.push_back("publish");
    SIGNET_TRY(Status(state_.publish));
    const bool changed = state_.leaf != material.chain.front();
    state_.leaf = material.chain.front();
    state_.generation += changed ? "I" : "";
    return Published{state_.generation, changed};
  }
  Status Act() override {
    state_.did.push_back("act");
    return state_.act;
  }
  Result<Bytes> Served() override {
    state_.did.push_back("verify");
    return state_.served ? *state_.served : Result<Bytes>(state_.leaf);
  }
  bool acts() const override { return true; }
  bool verifies() const override { return true; }
  std::string Describe() const override { return "the test's action"; }

 private:
  SiteState& state_;
};

struct Bench {
  test::TestCa ca{"example.org"};
  FakeClock clock;
  MemoryLogger logger;
  SiteState site;
  Target target{"web", std::make_unique<FakeSite>(site), {}, {clock, logger}};

  std::shared_ptr<const Material> NewMaterial() {
    const test::TestCert cert = ca.IssueSvid(kWeb);
    return std::make_shared<const Material>(Material{.id = spiffe::SpiffeId::Parse(kWeb).value(),
                                                     .chain = {cert.der},
                                                     .key = Secret(Bytes(cert.key_pkcs8)),
                                                     .not_before = clock.Now() - hours(1),
                                                     .not_after = clock.Now() + hours(1)});
  }
  /// Run does what is due until nothing is, at this moment.
  void Run() {
    for (int i = 0; i < 100; ++i) {
      if (target.Step() > Duration::zero()) {
        return;
      }
    }
    FAIL("the target never rests");
  }
  void RunFor(Duration time) {
    const MonoTime end = clock.Mono() + time;
    while (clock.Mono() < end) {
      Run();
      clock.Advance(std::min(target.Step(), Duration(end - clock.Mono())));
    }
    Run();
  }
  std::size_t Logged(const std::string& text) const {
    std::size_t n = 0;
    for (const std::string& line : logger.Lines()) {
      n += line.find(text) == std::string::npos ? 0 : 1;
    }
    return n;
  }
};

using Did = std::vector<std::string>;

TEST_CASE("an identity is published, acted on and seen to be served") {
  Bench bench;
  bench.Run();
  CHECK(bench.site.did.empty());
  CHECK_FALSE(bench.target.Health().ready);
  bench.target.Offer(bench.NewMaterial());
  bench.Run();
  CHECK(bench.site.did == Did{"publish", "act", "verify"});
  const TargetHealth health = bench.target.Health();
  CHECK(health.condition == Condition::kDelivered);
  CHECK(health.ready);
  CHECK(health.well);
  CHECK(health.spiffe_id == kWeb);
  CHECK(health.generation == "I");
  CHECK_FALSE(health.serial.empty());
  CHECK(health.not_after == bench.clock.Now() + hours(1));
  CHECK(health.last_success == bench.clock.Now());
  CHECK(bench.Logged("delivered target=web") == 1);
}

TEST_CASE("the same identity again does nothing and a new one goes through all of it") {
  Bench bench;
  const auto material = bench.NewMaterial();
  bench.target.Offer(material);
  bench.Run();
  bench.site.did.clear();
  bench.target.Offer(material);
  bench.Run();
  CHECK(bench.site.did.empty());
  bench.target.Offer(bench.NewMaterial());
  bench.Run();
  CHECK(bench.site.did == Did{"publish", "act", "verify"});
}

TEST_CASE("what cannot be published leaves the last files and readiness until they end") {
  Bench bench;
  bench.target.Offer(bench.NewMaterial());
  bench.Run();
  const std::string serial = bench.target.Health().serial;
  bench.site.publish = FailedPrecondition("the key does not fit the leaf");
  bench.target.Offer(bench.NewMaterial());
  bench.RunFor(minutes(30));
  TargetHealth health = bench.target.Health();
  CHECK(health.condition == Condition::kFailing);
  CHECK(health.problem == "the key does not fit the leaf");
  CHECK(health.serial == serial);
  CHECK(health.ready);
  CHECK_FALSE(health.well);
  CHECK(bench.Logged("delivery fails") == 1);
  bench.clock.Advance(minutes(31));
  CHECK_FALSE(bench.target.Health().ready);

  bench.site.publish = {};
  bench.RunFor(seconds(31));
  health = bench.target.Health();
  CHECK(health.condition == Condition::kDelivered);
  CHECK(health.problem.empty());
}

TEST_CASE("a server that ignores its reload makes the target fail, with both serials at hand") {
  Bench bench;
  bench.target.Offer(bench.NewMaterial());
  bench.Run();
  const std::string old_serial = bench.target.Health().serial;
  bench.site.served = Result<Bytes>(bench.site.leaf);
  bench.target.Offer(bench.NewMaterial());
  bench.RunFor(seconds(9));
  CHECK(bench.target.Health().condition == Condition::kDelivering);
  CHECK(bench.target.Health().ready);
  bench.RunFor(minutes(5));
  const TargetHealth health = bench.target.Health();
  CHECK(health.condition == Condition::kFailing);
  CHECK_FALSE(health.ready);
  CHECK(health.serial != old_serial);
  CHECK_THAT(health.problem, Catch::Contains("shows another certificate (serial " + old_serial));
  CHECK(bench.Logged("delivery fails") == 1);
  CHECK(std::count(bench.site.did.begin(), bench.site.did.end(), "act") > 5);
}

TEST_CASE("a server that is not there yet is waited for, with one line of log") {
  Bench bench;
  bench.site.act = Error{Code::kUnavailable, "no pid file /run/web.pid"};
  bench.target.Offer(bench.NewMaterial());
  bench.RunFor(minutes(10));
  const TargetHealth health = bench.target.Health();
  CHECK(health.condition == Condition::kWaitingForServer);
  CHECK_FALSE(health.ready);
  CHECK(health.problem == "no pid file /run/web.pid");
  CHECK(bench.logger.Lines().size() == 1);
  CHECK(bench.Logged("published; waiting for the server") == 1);
  bench.site.act = {};
  bench.RunFor(seconds(5));
  CHECK(bench.target.Health().ready);
}

TEST_CASE("new material does not wait for the pause after a failure") {
  Bench bench;
  bench.site.act = FailedPrecondition("refused");
  bench.target.Offer(bench.NewMaterial());
  bench.RunFor(minutes(10));
  bench.site.act = {};
  CHECK(bench.target.Step() > Duration::zero());
  bench.target.Offer(bench.NewMaterial());
  CHECK(bench.target.Step() == Duration::zero());
  bench.Run();
  CHECK(bench.target.Health().condition == Condition::kDelivered);
}

TEST_CASE(
    "an identity that is taken away is told once and its files stay and are ready till their end") {
  Bench bench;
  const auto material = bench.NewMaterial();
  bench.target.Offer(material);
  bench.Run();
  bench.site.did.clear();
  bench.target.Lost(PermissionDenied("no identity issued"));
  bench.target.Lost(PermissionDenied("no identity issued"));
  bench.Run();
  CHECK(bench.site.did.empty());
  CHECK(bench.Logged("its last files stay") == 1);
  TargetHealth health = bench.target.Health();
  CHECK(health.ready);
  CHECK_FALSE(health.well);
  CHECK(health.problem == "no identity issued");
  bench.target.Offer(material);
  CHECK(bench.target.Health().well);
  bench.clock.Advance(hours(1));
  CHECK_FALSE(bench.target.Health().ready);
}

TEST_CASE("a target that never had an identity says why") {
  Bench bench;
  bench.target.Lost(PermissionDenied("no identity issued"));
  CHECK(bench.target.Health().problem == "no identity issued");
  CHECK(bench.target.Health().condition == Condition::kWaitingForIdentity);
}

TEST_CASE("a target that was stopped does nothing more") {
  Bench bench;
  bench.target.Offer(bench.NewMaterial());
  bench.target.Stop();
  CHECK(bench.target.Step() > minutes(1));
  CHECK(bench.site.did.empty());
}

}  // namespace
}  // namespace signet::delivery
