#include "ca/issuance/authorities.h"

#include <algorithm>
#include <map>
#include <set>

#include "tests/ca/issuance/rotation_world.h"
#include "tests/support/result.h"

namespace signet::issuance::test {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using store::SlotStatus;

bool Holds(const spiffe::Bundle& bundle, const Bytes& der) {
  return std::any_of(bundle.x509_authorities.begin(), bundle.x509_authorities.end(),
                     [&](const auto& authority) { return authority.der == der; });
}

std::string ActiveId(const World& world) { return world.authorities->issuer()->authority_id(); }

Result<IssuedSvid> Issue(const World& world, Duration ttl = hours(1)) {
  static const auto key = crypto::PrivateKey::Generate(crypto::KeyType::kEcP256).value();
  static const auto id = spiffe::SpiffeId::Parse("spiffe://example.org/a").value();
  return world.authorities->issuer()->Issue(
      X509Issuer::Kind::kWorkload, {.public_key = key->public_key(), .spiffe_id = id, .ttl = ttl},
      world.clock.Now());
}

// The invariants that hold whenever the process rests.
void CheckInvariants(const World& world) {
  const auto issuer = world.authorities->issuer();
  REQUIRE(issuer != nullptr);
  const auto journal = world.StoredJournal();
  const auto active = std::count_if(journal.x509.begin(), journal.x509.end(), [](const auto& slot) {
    return slot.status == SlotStatus::kActive;
  });
  REQUIRE(active == 1);
  REQUIRE(journal.x509.size() <= 2);
  REQUIRE(FindSlot(journal, SlotStatus::kActive)->authority_id == issuer->authority_id());
  REQUIRE(Holds(*world.OwnBundle(), issuer->authority().der));
  std::set<std::string> key_ids;
  for (const auto& slot : journal.x509) {
    REQUIRE(key_ids.insert(slot.key_id).second);
  }
}

// Drives steps until nothing is left to do.
void Settle(World& world) {
  for (int i = 0; i < 10; ++i) {
    const auto stepped = world.authorities->Step();
    REQUIRE_OK(stepped);
    CheckInvariants(world);
    if (!*stepped) {
      return;
    }
  }
  FAIL("steps never end");
}

}  // namespace

TEST_CASE("authorities: the first start makes, publishes and activates an authority") {
  World world;
  REQUIRE_OK(world.Start());
  CheckInvariants(world);
  const auto state = world.authorities->state();
  REQUIRE(state.active.has_value());
  CHECK_FALSE(state.prepared.has_value());
  CHECK_FALSE(state.old.has_value());
  CHECK(state.active->key_id == "x509-CA-A");
  CHECK(state.active->activated_at == UnixSeconds(world.clock.Now()));
  CHECK(state.active->not_after == UnixSeconds(world.clock.Now() + hours(24)));
  CHECK(world.OwnBundle()->x509_authorities.size() == 1);
  REQUIRE_OK(Issue(world));
  CHECK_FALSE(world.authorities->Step().value());
}

TEST_CASE("authorities: rotation goes prepare, activate, old, prune, the other key id each time") {
  World world;
  REQUIRE_OK(world.Start());
  int activations = 0;
  world.authorities->set_on_activated([&] { ++activations; });
  const std::string first = ActiveId(world);

  world.clock.Advance(hours(12));
  CHECK(world.authorities->Step().value());
  CHECK(ActiveId(world) == first);
  const auto prepared = world.authorities->state().prepared;
  REQUIRE(prepared.has_value());
  CHECK(prepared->key_id == "x509-CA-B");
  CHECK(Holds(*world.OwnBundle(), prepared->certificate));
  CHECK_FALSE(world.authorities->Step().value());

  world.clock.Advance(hours(8));
  CHECK(world.authorities->Step().value());
  CHECK(activations == 1);
  CHECK(ActiveId(world) == prepared->authority_id);
  CHECK(world.authorities->state().old->authority_id == first);
  CHECK(world.OwnBundle()->x509_authorities.size() == 2);

  world.clock.Advance(hours(4 + 24) + seconds(1));  // the first one ended 24 h ago
  Settle(world);
  CHECK(world.OwnBundle()->x509_authorities.size() >= 2);
  const auto bundle = world.OwnBundle().value();
  for (const auto& authority : bundle.x509_authorities) {
    CHECK(crypto::Certificate::Parse(authority.der)->not_after > world.clock.Now() - hours(24));
  }
}

TEST_CASE("authorities: activation waits for the agents, but not past the last safe moment") {
  World world;
  world.acknowledged = false;
  REQUIRE_OK(world.Start());
  const std::string first = ActiveId(world);
  world.clock.Advance(hours(12));
  Settle(world);
  world.clock.Advance(hours(9) + minutes(59));
  Settle(world);
  CHECK(ActiveId(world) == first);
  SECTION("they acknowledge") { world.acknowledged = true; }
  SECTION("the last safe moment comes") { world.clock.Advance(minutes(1)); }
  Settle(world);
  CHECK(ActiveId(world) != first);
}

TEST_CASE("authorities: a restart at any time goes on with the same authority") {
  World world;
  REQUIRE_OK(world.Start());
  for (int hour = 0; hour < 72; ++hour) {
    const std::string before = ActiveId(world);
    const int saves = world.saves;
    world.Stop();
    REQUIRE_OK(world.Start());
    CHECK(ActiveId(world) == before);
    CHECK(world.saves == saves);
    world.clock.Advance(hours(1));
    Settle(world);
  }
}

TEST_CASE("authorities: a crash at any point loses nothing and repeats nothing") {
  // 52 h in steps of 4 h: five authorities are made (0, 12, 24, 36, 48 h), four activated, one
  // pruned; each of these is saved once.
  struct Outcome {
    bool crashed = false;
    int saves = 0;
    std::string active_key_id;
    std::size_t bundle_size = 0;
  };
  const auto run = [](int crash_at) {
    Outcome outcome;
    World world;
    world.plan.countdown = crash_at;
    const auto survive = [&](const std::function<void()>& work) {
      try {
        work();
      } catch (const Crash&) {
        outcome.crashed = true;
        const auto journal = world.StoredJournal();
        const auto* active = FindSlot(journal, SlotStatus::kActive);
        world.Stop();
        REQUIRE_OK(world.Start());
        CHECK((active == nullptr || ActiveId(world) == active->authority_id));
      }
    };
    survive([&] { REQUIRE_OK(world.Start()); });
    for (int hour = 0; hour < 52; hour += 4) {
      world.clock.Advance(hours(4));
      survive([&] { Settle(world); });
      Settle(world);
      REQUIRE_OK(Issue(world));
    }
    outcome.saves = world.saves;
    outcome.active_key_id = world.authorities->state().active->key_id;
    outcome.bundle_size = world.OwnBundle()->x509_authorities.size();
    return outcome;
  };
  const Outcome smooth = run(-1);
  CHECK(smooth.saves == 5 + 4 + 1);
  int points = 0;
  for (Outcome outcome = run(0); outcome.crashed; outcome = run(++points)) {
    INFO("crash at point " << points);
    CHECK(outcome.saves == smooth.saves);
    CHECK(outcome.active_key_id == smooth.active_key_id);
    CHECK(outcome.bundle_size == smooth.bundle_size);
  }
  CHECK(points == 2 * (smooth.saves + 5));  // before and after each save and each new key
}

TEST_CASE("authorities: a failed save changes nothing, and the next step succeeds") {
  World world;
  REQUIRE_OK(world.Start());
  const std::string first = ActiveId(world);
  for (const auto advance : {hours(12), hours(8), hours(28)}) {
    world.clock.Advance(advance + seconds(1));
    world.save_result = ResourceExhausted("disk full");
    const auto before = world.StoredJournal();
    const std::string active = ActiveId(world);
    REQUIRE_ERROR(world.authorities->Step(), Code::kResourceExhausted, "disk full");
    CHECK(world.StoredJournal() == before);
    CHECK(ActiveId(world) == active);
    world.save_result = {};
    Settle(world);
  }
  CHECK(ActiveId(world) != first);
}

TEST_CASE(
    "authorities: a lost key makes a new authority at once, with a warning that says what "
    "follows") {
  World world;
  REQUIRE_OK(world.Start());
  const std::string first = ActiveId(world);
  world.Stop();
  world.keys = NewMemoryKeyManager();
  REQUIRE_OK(world.Start());
  CheckInvariants(world);
  CHECK(ActiveId(world) != first);
  CHECK(world.logger.Contains("key of an authority is missing"));
  CHECK(world.logger.Contains("next bundle sync"));
  CHECK(world.OwnBundle()->x509_authorities.size() == 2);  // SVIDs of the lost one stay valid
}

TEST_CASE(
    "authorities: with the active key lost, the authority that is published already takes over") {
  World world;
  REQUIRE_OK(world.Start());
  world.clock.Advance(hours(12));
  Settle(world);
  const auto prepared = world.authorities->state().prepared.value();
  world.Stop();
  REQUIRE_OK(world.keys->GenerateKey("x509-CA-A", crypto::KeyType::kEcP256));  // overwrites it
  REQUIRE_OK(world.Start());
  CheckInvariants(world);
  CHECK(ActiveId(world) == prepared.authority_id);
}

TEST_CASE("authorities: a key manager that cannot be read is an error, not a new authority") {
  class Unreadable final : public KeyManager {
   public:
    Result<std::shared_ptr<const crypto::Signer>> GenerateKey(const std::string&,
                                                              crypto::KeyType) override {
      return Unavailable("token removed");
    }
    Result<std::shared_ptr<const crypto::Signer>> GetKey(const std::string&) override {
      return Unavailable("token removed");
    }
  };
  World world;
  REQUIRE_OK(world.Start());
  const auto journal = world.StoredJournal();
  world.Stop();
  world.keys = std::make_unique<Unreadable>();
  REQUIRE_ERROR(world.Start(), Code::kUnavailable, "key x509-CA-A: token removed");
  CHECK(world.StoredJournal() == journal);
}

TEST_CASE("authorities: an authority that is missing from the bundle never signs") {
  World world;
  REQUIRE_OK(world.Start());
  const std::string first = ActiveId(world);
  world.Stop();
  const std::vector<store::Write> writes = {store::DeleteBundle{world.OwnBundle()->trust_domain}};
  REQUIRE_OK(world.store->Commit(writes));
  REQUIRE_OK(world.Start());
  CheckInvariants(world);
  CHECK(ActiveId(world) != first);
  CHECK(world.logger.Contains("not in the stored bundle"));
}

TEST_CASE("authorities: after a long stop the expired authority is replaced, the bundle kept") {
  World world;
  REQUIRE_OK(world.Start());
  world.Stop();
  world.clock.Advance(days(3));
  REQUIRE_OK(world.Start());
  CheckInvariants(world);
  CHECK(world.logger.Contains("expired while the server was down"));
  REQUIRE_OK(Issue(world));
  Settle(world);
  CHECK(world.OwnBundle()->x509_authorities.size() == 1);  // the dead one is pruned
}

TEST_CASE("authorities: a clock that goes back an hour rotates nothing early and says so") {
  World world;
  REQUIRE_OK(world.Start());
  world.clock.Advance(hours(12));
  Settle(world);
  const auto prepared = world.authorities->state().prepared.value();
  const std::string active = ActiveId(world);
  const int saves = world.saves;
  world.clock.JumpWall(-hours(1));
  Settle(world);
  CHECK(world.saves == saves);
  CHECK(ActiveId(world) == active);
  CHECK(world.logger.Contains("the clock is behind"));
  const auto svid = Issue(world);
  REQUIRE_OK(svid);
  CHECK(svid->not_before <= world.clock.Now());  // valid for an agent whose clock is right
  const auto warnings = world.logger.Lines().size();
  Settle(world);
  CHECK(world.logger.Lines().size() == warnings);  // once, not at every check

  world.clock.Advance(hours(1));
  Settle(world);
  CHECK(world.logger.Contains("the clock has caught up"));
  world.clock.Advance(hours(8));
  Settle(world);
  CHECK(ActiveId(world) == prepared.authority_id);
}

TEST_CASE(
    "authorities: a start with a clock that is years behind keeps the authority and refuses to "
    "sign") {
  World world;
  REQUIRE_OK(world.Start());
  const std::string active = ActiveId(world);
  world.Stop();
  world.clock.JumpWall(-days(365 * 5));
  REQUIRE_OK(world.Start());
  CHECK(ActiveId(world) == active);
  CHECK(world.logger.Contains("the clock is behind"));
  REQUIRE_ERROR(Issue(world), Code::kFailedPrecondition, "set the clock");
}

TEST_CASE("authorities: a clock that jumps over the end replaces the authority within two steps") {
  World world;
  REQUIRE_OK(world.Start());
  world.clock.JumpWall(days(2));
  REQUIRE_ERROR(Issue(world), Code::kFailedPrecondition, "expired");
  CHECK(world.authorities->Step().value());
  CHECK(world.authorities->Step().value());
  REQUIRE_OK(Issue(world));
}

TEST_CASE("authorities: the check comes every 10 s, more often for short lives") {
  const auto interval = [](Duration ttl) {
    World world(ttl);
    REQUIRE_OK(world.Start());
    return world.authorities->StepInterval();
  };
  CHECK(interval(hours(24)) == seconds(10));
  CHECK(interval(seconds(60)) == seconds(1));
  CHECK(interval(seconds(2)) == std::chrono::milliseconds(100));
}

TEST_CASE("authorities: ten years of rotation keep every invariant") {
  World world(days(7));
  REQUIRE_OK(world.Start());
  std::map<std::string, SystemTime> published;   // authority id: when it entered the bundle
  std::map<std::string, SystemTime> live_until;  // authority id: end of its last leaf
  std::map<std::string, Bytes> certificates;
  FakeRandom dice(7);
  const auto end = world.clock.Now() + days(3650);
  int rotations = 0;
  std::string signing;
  for (int n = 0; world.clock.Now() < end; ++n) {
    world.acknowledged = dice.Uniform01() < 0.5;
    REQUIRE_OK(world.authorities->Step());
    const SystemTime now = world.clock.Now();
    const auto bundle = world.OwnBundle().value();
    const auto state = world.authorities->state();
    for (const auto& slot : {state.active, state.prepared}) {
      if (slot && published.try_emplace(slot->authority_id, now).second) {
        REQUIRE(Holds(bundle, slot->certificate));  // published no later than the slot is seen
        certificates[slot->authority_id] = slot->certificate;
      }
    }
    const std::string active = ActiveId(world);
    if (active != signing) {
      // Published at least the time from a half to a sixth before the end before it signs.
      REQUIRE((signing.empty() || now - published[active] >= days(7) / 3 - hours(12)));
      signing = active;
      ++rotations;
    }
    REQUIRE(world.authorities->issuer()->authority().not_after > now);
    for (const auto& [authority_id, until] : live_until) {
      if (until > now) {
        REQUIRE(Holds(bundle, certificates[authority_id]));
      }
    }
    REQUIRE(bundle.x509_authorities.size() <= 3);
    if (n % 10 == 0) {
      const auto svid = Issue(world, hours(24 * 7));
      REQUIRE_OK(svid);
      live_until[active] = std::max(live_until[active], svid->not_after);
      CheckInvariants(world);
    }
    world.clock.Advance(seconds(1 + static_cast<int>(dice.Uniform01() * 12 * 3600)));
  }
  // Each is prepared at half of its predecessor's life.
  CHECK(rotations > 3650 / 4);
  CHECK(rotations < 3650 / 3);
}

}  // namespace signet::issuance::test
