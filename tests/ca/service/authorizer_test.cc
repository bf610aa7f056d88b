#include "ca/service/authorizer.h"

#include <algorithm>

#include "ca/service/methods.h"
#include "tests/ca/service/service_world.h"
#include "tests/support/result.h"

using namespace signet;
using service::DenialReason;
using test::EntryOf;
using test::IdOf;
using test::ServiceWorld;

namespace {

constexpr const char* kAgentMethod = "/spire.api.server.entry.v1.Entry/GetAuthorizedEntries";

service::Caller CallerWith(const ServiceWorld& world, const std::string& path) {
  return {.address = "192.0.2.1",
          .svid = service::CallerSvid{test::ParsedId(path), "1",
                                      world.clock.Now() + std::chrono::hours(1)}};
}

std::optional<DenialReason> ReasonOf(const std::optional<service::Denial>& denial) {
  return denial ? std::optional(denial->reason) : std::nullopt;
}

}  // namespace

TEST_CASE("every caller kind may call exactly the methods of its column") {
  ServiceWorld world;
  const auto agent = world.Attest("t");
  service::EntryInput admin = EntryOf("/entry-admin", "/host");
  admin.admin = true;
  world.Create(admin);
  service::EntryInput downstream = EntryOf("/downstream", "/host");
  downstream.downstream = true;
  world.Create(downstream);
  world.Create(EntryOf("/workload", "/host"));

  const std::pair<service::Caller, unsigned> callers[] = {
      {{.local = true}, service::kLocal},
      {{.address = "192.0.2.1"}, 0},
      {CallerWith(world, "/boss"), service::kAdmin},
      {CallerWith(world, "/entry-admin"), service::kAdmin},
      {CallerWith(world, "/downstream"), service::kDownstream},
      {CallerWith(world, "/workload"), 0},
      {world.CallerOf(agent), service::kAgent},
  };
  int allowed = 0;
  for (const auto& [caller, kinds] : callers) {
    for (const service::MethodRule& rule : service::AllMethods()) {
      const bool expected = (rule.callers & (kinds | service::kAny)) != 0;
      const auto denial = world.authorizer.Check(rule.method, caller);
      INFO(rule.method << " by kinds " << kinds);
      CHECK(!denial == expected);
      allowed += denial ? 0 : 1;
      if (denial) {
        CHECK(denial->error.code == Code::kPermissionDenied);
        CHECK(denial->error.message ==
              "authorization denied for method " + std::string(rule.method));
      }
    }
  }
  // Counted by hand in spire-api §3, ours added: 58 local, 2 anonymous, twice 49 admin, 5
  // downstream, 2 workload, 13 agent. A row that is lost or widened shows here.
  CHECK(allowed == 178);
}

TEST_CASE("the table holds the 65 methods of the API, our own three and reflection") {
  CHECK(service::AllMethods().size() == 70);
  CHECK(service::FindMethod("/grpc.health.v1.Health/Check"));
  CHECK_FALSE(service::FindMethod("/spire.api.server.agent.v1.Agent/Nothing"));
}

TEST_CASE("a method without a row is denied to everybody") {
  ServiceWorld world;
  for (const service::Caller& caller :
       {service::Caller{.local = true}, service::Caller{}, CallerWith(world, "/boss")}) {
    const auto denial = world.authorizer.Check("/any.Service/Method", caller);
    REQUIRE(denial);
    CHECK(denial->error.code == Code::kPermissionDenied);
  }
}

TEST_CASE("an agent is refused with the reason that it acts on, in the order of the API") {
  ServiceWorld world;
  const auto agent = world.Attest("t");
  service::Caller caller = world.CallerOf(agent);
  const auto check = [&] { return world.authorizer.Check(kAgentMethod, caller); };
  CHECK_FALSE(check());

  SECTION("no certificate: no reason") {
    caller.svid.reset();
    CHECK(ReasonOf(check()) == DenialReason::kNone);
  }
  SECTION("expired, even when banned as well") {
    REQUIRE_OK(world.agents.Ban(IdOf(agent.id.path())));
    world.clock.Advance(std::chrono::hours(1));
    CHECK(ReasonOf(check()) == DenialReason::kAgentExpired);
  }
  SECTION("evicted") {
    REQUIRE_OK(world.agents.Delete(IdOf(agent.id.path())));
    CHECK(ReasonOf(check()) == DenialReason::kAgentNotAttested);
  }
  SECTION("banned") {
    REQUIRE_OK(world.agents.Ban(IdOf(agent.id.path())));
    CHECK(ReasonOf(check()) == DenialReason::kAgentBanned);
  }
  SECTION("a serial that is neither current nor pending alarms, once for each serial") {
    caller.svid->serial_decimal = "12345";
    CHECK(ReasonOf(check()) == DenialReason::kAgentNotActive);
    CHECK(ReasonOf(check()) == DenialReason::kAgentNotActive);
    const auto lines = world.logger.Lines();
    CHECK(std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
            return line.find("ALARM") != std::string::npos &&
                   line.find("12345") != std::string::npos;
          }) == 1);
  }
  SECTION("an empty serial never matches a record without a pending one") {
    caller.svid->serial_decimal = "";
    CHECK(ReasonOf(check()) == DenialReason::kAgentNotActive);
  }
}

TEST_CASE("a chain that the bundle does not vouch for any more is UNAUTHENTICATED") {
  ServiceWorld world;
  service::Caller caller = world.CallerOf(world.Attest("t"));
  caller.distrust = Unauthenticated("signed by an unknown authority");
  const auto denial = world.authorizer.Check(kAgentMethod, caller);
  REQUIRE(denial);
  CHECK(denial->error.code == Code::kUnauthenticated);
  CHECK_FALSE(world.authorizer.Check("/spire.api.server.bundle.v1.Bundle/GetBundle", caller));
  SECTION("but an expired one is told so, since agents act on it") {
    world.clock.Advance(std::chrono::hours(2));
    CHECK(ReasonOf(world.authorizer.Check(kAgentMethod, caller)) == DenialReason::kAgentExpired);
  }
}

TEST_CASE("an administrator with an expired certificate is no administrator") {
  ServiceWorld world;
  const service::Caller boss = CallerWith(world, "/boss");
  world.clock.Advance(std::chrono::hours(2));
  CHECK(world.authorizer.Check("/spire.api.server.entry.v1.Entry/ListEntries", boss));
}

TEST_CASE("peers are judged by the bundle of the moment") {
  ServiceWorld world;
  const auto agent = world.Attest("t");
  REQUIRE_OK(world.trust.Verify(agent.svid.chain));
  const auto generation = world.trust.generation();
  const auto own = world.records.OwnBundle().value();
  const auto other = issuance::Authorities::Start({.ca = {.trust_domain = world.trust_domain}}, {},
                                                  {.keys = *world.keys,
                                                   .persistence = world.records,
                                                   .clock = world.clock,
                                                   .random = world.random,
                                                   .logger = world.logger})
                         .value();
  REQUIRE_OK(
      world.records.SaveAuthorities(world.records.Journal(), {}, {own.x509_authorities[0].der}));
  CHECK(world.trust.generation() > generation);
  REQUIRE_ERROR(world.trust.Verify(agent.svid.chain), Code::kUnauthenticated, "");
}
