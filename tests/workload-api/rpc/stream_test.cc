#include "signet/api/agent/v1/cross_certificates.pb.h"
#include "tests/workload-api/rpc/world.h"

namespace signet::agent_rpc {
namespace {

using namespace test;

TEST_CASE("a stream of a pod gets more once its container is known, without a new call") {
  World world;
  world.attestor.Answer(InPod({kNs}));
  const auto call = world.Open();
  REQUIRE(call->WaitMessages(1).size() == 1);
  CHECK(Ids(call->WaitMessages(1)[0]) == std::vector<std::string>{"spiffe://example.org/pod"});

  world.attestor.Answer(InPod({kNs, kContainer}));
  world.attestor.TellChange();
  const auto messages = call->WaitMessages(2);
  REQUIRE(messages.size() == 2);
  CHECK(Ids(messages[1]) ==
        std::vector<std::string>{"spiffe://example.org/pod", "spiffe://example.org/app"});
  CHECK_FALSE(call->over());
}

TEST_CASE("a stream whose selectors change to others of no consequence is not told") {
  World world;
  world.attestor.Answer(InPod({kNs}));
  const auto call = world.Open();
  REQUIRE(call->WaitMessages(1).size() == 1);
  world.attestor.Answer(InPod({kNs, {"k8s", "pod-label:a:b"}}));
  world.attestor.TellChange();
  world.attestor.Answer(InPod({kNs, kContainer}));
  world.attestor.TellChange();
  const auto messages = call->WaitMessages(2);
  REQUIRE(messages.size() == 2);
  CHECK(Ids(messages[1]).size() == 2);
}

TEST_CASE("a stream that loses its only identity by a change of its pod ends") {
  World world;
  world.attestor.Answer(InPod({kNs}));
  const auto call = world.Open();
  REQUIRE(call->WaitMessages(1).size() == 1);
  world.attestor.Answer(InPod({{"k8s", "ns:other"}}));
  world.attestor.TellChange();
  CHECK(call->WaitFinished().code == Code::kPermissionDenied);
  CHECK(world.logger.Contains("no identity issued"));
}

TEST_CASE("a stream whose caller is somewhere else by now ends") {
  World world;
  world.attestor.Answer(InPod({kNs}));
  const auto call = world.Open();
  REQUIRE(call->WaitMessages(1).size() == 1);
  AttestedWorkload moved = InPod({kNs});
  moved.anchor = "pod 2";
  world.attestor.Answer(std::move(moved));
  world.attestor.TellChange();
  CHECK(call->WaitFinished().code == Code::kPermissionDenied);
  CHECK(world.logger.Contains("workload changed"));
}

TEST_CASE(
    "a stream whose facts are missing waits without an answer, and is served when they come") {
  World world;
  world.attestor.Answer(InPod({}, "nothing is known yet of pod 1"));
  const auto call = world.Open();
  world.attestor.WaitAsked(1);
  world.attestor.Answer(InPod({kNs}));
  world.attestor.TellChange();
  REQUIRE(call->WaitMessages(1).size() == 1);
  CHECK(Ids(call->WaitMessages(1)[0]).size() == 1);
}

TEST_CASE("a stream whose facts do not come ends with the reason") {
  World world;
  world.attestor.Answer(InPod({}, "nothing is known yet of pod 1"));
  const auto call = world.Open();
  world.attestor.WaitAsked(1);
  world.attestor.Answer(Unavailable("the kubelet does not list it"));
  world.attestor.TellChange();
  const rpc::RpcStatus status = call->WaitFinished();
  CHECK(status.code == Code::kUnavailable);
  CHECK_THAT(status.message, Catch::Contains("kubelet"));
}

TEST_CASE("waiting streams hold no thread: a hundred of them do not keep another from its answer") {
  World world;
  world.attestor.Answer(InPod({}, "nothing is known yet of pod 1"));
  std::vector<std::shared_ptr<signet::test::FakeCall>> waiting;
  for (int i = 0; i < 100; ++i) {
    waiting.push_back(world.Open());
  }
  world.attestor.WaitAsked(100);
  world.attestor.Answer(InPod({kNs}));
  CHECK(world.Open()->WaitMessages(1).size() == 1);
  CHECK_FALSE(waiting[0]->over());
}

TEST_CASE("an update that comes while facts are missing is written when they are here") {
  World world;
  world.attestor.Answer(InPod({kNs}));
  const auto call = world.Open();
  REQUIRE(call->WaitMessages(1).size() == 1);
  world.attestor.Answer(InPod({}, "nothing is known now of pod 1"));
  world.attestor.TellChange();
  const int before = world.attestor.asked();
  world.cache.PutSvid(world.pod, FakeSvid("pod renewed"));
  world.hub.Publish(world.cache.Take(kStart));
  world.attestor.WaitAsked(before + 1);
  CHECK(call->WaitMessages(1).size() == 1);
  world.attestor.Answer(InPod({kNs}));
  world.attestor.TellChange();
  CHECK(call->WaitMessages(2).size() == 2);
}

TEST_CASE("without an anchor a caller is what its selectors say") {
  World world;
  world.attestor.Answer(AttestedWorkload{.selectors = {kNs}, .description = "pid 1"});
  const auto call = world.Open();
  REQUIRE(call->WaitMessages(1).size() == 1);
  world.attestor.Answer(AttestedWorkload{.selectors = {kNs, kContainer}, .description = "pid 1"});
  world.attestor.TellChange();
  CHECK(call->WaitFinished().code == Code::kPermissionDenied);
}

constexpr char kWatchCross[] = "/signet.api.agent.v1.CrossCertificates/WatchCrossCertificates";

TEST_CASE(
    "a workload is given the cross-certificates of the trust domains that it federates with") {
  World world;
  world.pod.federates_with = {Td("other.org")};
  world.cache.SetEntries({world.pod, world.app});
  world.cache.SetCrossCertificates({{Td("other.org"), {ToBytes("one"), ToBytes("two")}},
                                    {Td("third.org"), {ToBytes("not for this one")}}});
  world.hub.Publish(world.cache.Take(kStart));
  world.attestor.Answer(InPod({kNs}));
  const auto call = world.Open(kWatchCross);
  signet::api::agent::v1::WatchCrossCertificatesResponse response;
  REQUIRE(response.ParseFromString(call->WaitMessages(1).at(0)));
  REQUIRE(response.trust_domains_size() == 1);
  const auto& of = response.trust_domains().at("other.org");
  REQUIRE(of.der_size() == 2);
  CHECK(of.der(0) == "one");
  CHECK(of.der(1) == "two");

  // A renewed SVID is not told here; the end of the federation is.
  const int before = world.attestor.asked();
  world.cache.PutSvid(world.pod, FakeSvid("pod renewed"));
  world.hub.Publish(world.cache.Take(kStart));
  world.attestor.WaitAsked(before + 1);
  world.pod.federates_with.clear();
  world.cache.SetEntries({world.pod, world.app});
  world.hub.Publish(world.cache.Take(kStart));
  const auto messages = call->WaitMessages(2);
  REQUIRE(messages.size() == 2);
  REQUIRE(response.ParseFromString(messages[1]));
  CHECK(response.trust_domains_size() == 0);
}

TEST_CASE("without federation the state is empty, and told at once") {
  World world;
  world.attestor.Answer(InPod({kNs}));
  CHECK(world.Open(kWatchCross)->WaitMessages(1) == std::vector<std::string>{""});
  world.attestor.Answer(InPod({{"k8s", "ns:other"}}));
  CHECK(world.Open(kWatchCross)->WaitFinished().code == Code::kPermissionDenied);
}

TEST_CASE("cross-certificates want the security header, as the Workload API does") {
  rpc::CallInfo info;
  info.method = kWatchCross;
  CHECK(RequireSecurityHeader()(info).code == Code::kInvalidArgument);
}

}  // namespace
}  // namespace signet::agent_rpc
