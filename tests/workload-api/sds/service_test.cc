#include <unistd.h>

#include "tests/workload-api/sds/world.h"

namespace signet::sds {
namespace {

using namespace test;

TEST_CASE("SDS-03, SDS-14: a changed SVID is one message to its subscriber and none to others") {
  World world;
  const auto web = world.Subscribe({"default"});
  const auto roots = world.Subscribe({"ROOTCA"});
  const auto db = world.Subscribe({"default"}, 2000);
  world.cache.PutSvid(world.web, RealSvid(OwnCa(), "spiffe://example.org/web"));
  world.Publish();
  const auto messages = web->WaitMessages(2);
  REQUIRE(messages.size() == 2);
  CHECK(NamesIn(messages[1]) == Names{"default"});
  CHECK(Response(messages[0]).version_info() != Response(messages[1]).version_info());
  CHECK(Response(messages[0]).nonce() != Response(messages[1]).nonce());

  // A new root comes to all, and is the next that the others hear of.
  world.cache.SetBundle(
      {.trust_domain = Td(), .x509_authorities = {{OwnCa().der()}, {OtherCa().der()}}});
  world.Publish();
  CHECK(roots->WaitMessages(2).size() == 2);
  CHECK(web->WaitMessages(2).size() == 2);
  CHECK(db->WaitMessages(1).size() == 1);
}

TEST_CASE(
    "SDS-44: a client that does not read has one answer waiting, and the newest once it has read") {
  World world({.attest_threads = 1});  // in order: what the other stream has got is done with here
  const auto call = world.Subscribe({"default", "ROOTCA"});
  const auto other = world.Subscribe({"default"});
  call->unread = 1;
  for (int i = 2; i < 5; ++i) {
    world.cache.PutSvid(world.web, RealSvid(OwnCa(), "spiffe://example.org/web"));
    world.Publish();
    REQUIRE(other->WaitMessages(i).size() == static_cast<std::size_t>(i));
  }
  CHECK(call->WaitMessages(1).size() == 1);
  call->unread = 0;
  world.HandlerOf(call).OnWritable();
  const auto messages = call->WaitMessages(2);
  REQUIRE(messages.size() == 2);
  CHECK(NamesIn(messages[1]) == Names{"default"});
  CHECK(Response(messages[1]).resources(0).value() ==
        Response(other->WaitMessages(4)[3]).resources(0).value());
}

TEST_CASE("SDS-15: the same content has the same version on another agent") {
  World one;
  World two;
  const auto version = [](World& world) {
    return Response(world.Subscribe({"ROOTCA"})->WaitMessages(1)[0]).version_info();
  };
  CHECK(version(one) == version(two));
}

TEST_CASE(
    "SDS-12, SDS-40: a request for other names is answered with them after another attestation") {
  World world;
  const auto call = world.Subscribe({"default"});
  const int before = world.attestor.asked;
  world.Send(call, Request({"default", "ROOTCA"}, Response(call->WaitMessages(1)[0]).nonce()));
  const auto messages = call->WaitMessages(2);
  REQUIRE(messages.size() == 2);
  CHECK(NamesIn(messages[1]) == Names{"ROOTCA"});
  CHECK(world.attestor.asked > before);
}

TEST_CASE("SDS-29: FetchSecrets answers once with everything, or says what is missing") {
  World world;
  const auto good = world.Fetch(Request({"default", "ALL"}));
  CHECK(good->WaitFinished().code == Code::kOk);
  CHECK(NamesIn(good->WaitMessages(1)[0]) == Names{"ALL", "default"});
  const auto missing = world.Fetch(Request({"default", "nobody"}));
  CHECK(missing->WaitFinished().code == Code::kNotFound);
  CHECK_THAT(missing->WaitFinished().message,
             Catch::Contains("nobody: this name means nothing here; the caller could ask for "
                             "default, ROOTCA, ALL, spiffe://example.org/web"));
  // Who has the newest version already asks all the same.
  DiscoveryRequest again = Request({"default"}, "a nonce");
  again.set_version_info(
      Response(world.Fetch(Request({"default"}))->WaitMessages(1).at(0)).version_info());
  CHECK(NamesIn(world.Fetch(again)->WaitMessages(1).at(0)) == Names{"default"});
  DiscoveryRequest wrong = Request({"default"});
  wrong.set_type_url("other");
  CHECK(world.Fetch(wrong)->WaitFinished().code == Code::kInvalidArgument);
}

TEST_CASE("users see their own streams, root and the agent's user all") {
  World world;
  world.Subscribe({"default"}, 1000);
  world.Subscribe({"default"}, 2000);
  CHECK(world.List(0).streams_size() == 2);
  CHECK(world.List(::geteuid()).streams_size() == 2);
  REQUIRE(world.List(1000).streams_size() == 1);
  CHECK(world.List(1000).streams(0).uid() == 1000);
  CHECK(world.List(3000).streams_size() == 0);
}

TEST_CASE("SDS-43: streams count as those of the Workload API, and are given back") {
  World world({.max_streams_per_uid = 1});
  const auto first = world.Subscribe({"default"});
  const auto second = world.Open(kStream);
  CHECK(second->WaitFinished().code == Code::kResourceExhausted);
  CHECK(world.Fetch(Request({"default"}))->WaitFinished().code == Code::kResourceExhausted);
  world.HandlerOf(first).OnDone();
  CHECK(world.List(0).streams_size() == 0);
  world.opened.erase(world.opened.begin());
  world.Subscribe({"default"});
}

TEST_CASE("SDS-43: callers of another door are judged by its attestor and counted as its account") {
  class PodAttestor final : public attestor::WorkloadAttestor {
    Result<attestor::AttestedWorkload> Attest(const rpc::PeerProcess&) override {
      return attestor::AttestedWorkload{.selectors = {Uid(2000)}, .description = "pod"};
    }
  };
  World world({.max_streams_per_uid = 1});
  world.Subscribe({"spiffe://example.org/web"}, 1000);
  world.api.AddTo(world.methods, {.attestor = std::make_shared<PodAttestor>(), .account = "pod"});
  world.Subscribe({"spiffe://example.org/db"}, 1000);
  const auto second = world.Open(kStream, 1000);
  CHECK(second->WaitFinished().code == Code::kResourceExhausted);
}

TEST_CASE("SDS-42: before the agent is ready a stream is told to come again") {
  World world;
  svids::Hub early("waiting for the server");
  agent_rpc::WorkloadApi api(early, world.attestor, world.logger);
  SecretDiscovery sds(api, {}, {world.clock, world.random});
  api.Beside([&](rpc::MethodTable& table, const auto& door) { sds.AddTo(table, door); });
  api.AddTo(world.methods);
  const auto call = world.Open(kStream);
  world.Send(call, Request({"default"}));
  CHECK(call->WaitFinished().code == Code::kUnavailable);
  world.HandlerOf(call).OnDone();
  world.opened.clear();
}

TEST_CASE("SDS-39: new ticket keys are pushed each hour to those who have asked for some") {
  World world;
  const auto tickets = world.Subscribe({"ticket-keys"});
  const auto other = world.Subscribe({"default"});
  world.clock.Advance(std::chrono::hours(1));
  CHECK(world.sds.RenewTicketKeys() == std::chrono::hours(1));
  REQUIRE(tickets->WaitMessages(2).size() == 2);
  CHECK(NamesIn(tickets->WaitMessages(2)[1]) == Names{"ticket-keys"});
  CHECK(other->WaitMessages(1).size() == 1);
}

}  // namespace
}  // namespace signet::sds
