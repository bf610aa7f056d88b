#include "workload-api/sds/service.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "signet/api/agent/v1/secret_streams.pb.h"
#include "tests/ca/rpc/fake_call.h"
#include "tests/support/result.h"
#include "tests/workload-api/sds/holdings.h"

namespace signet::sds {
namespace {

using namespace envoy::service::discovery::v3;
using signet::api::agent::v1::ListStreamsResponse;
using signet::test::FakeCall;
using svids::test::kStart;
using svids::test::MakeEntry;
using svids::test::Td;
using svids::test::Uid;
using test::OtherCa;
using test::OwnCa;
using test::RealSvid;
using Names = std::vector<std::string>;

constexpr char kStream[] = "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets";
constexpr char kDelta[] = "/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets";
constexpr char kFetch[] = "/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets";
constexpr char kList[] = "/signet.api.agent.v1.SecretStreams/ListStreams";

/// UidAttestor believes the process and counts.
class UidAttestor final : public attestor::WorkloadAttestor {
 public:
  Result<attestor::AttestedWorkload> Attest(const rpc::PeerProcess& process) override {
    ++asked;
    return attestor::AttestedWorkload{.selectors = {Uid(static_cast<int>(process.uid))},
                                      .description = "uid " + std::to_string(process.uid)};
  }
  std::atomic<int> asked = 0;
};

DiscoveryRequest Request(const Names& names, const std::string& nonce = {}) {
  DiscoveryRequest request;
  request.set_type_url(std::string(kSecretType));
  request.set_response_nonce(nonce);
  for (const std::string& name : names) {
    request.add_resource_names(name);
  }
  return request;
}

DiscoveryResponse Response(const std::string& message) {
  DiscoveryResponse response;
  REQUIRE(response.ParseFromString(message));
  return response;
}

Names NamesIn(const std::string& message) {
  Names names;
  const DiscoveryResponse response = Response(message);
  for (const auto& any : response.resources()) {
    envoy::extensions::transport_sockets::tls::v3::Secret secret;
    REQUIRE(secret.ParseFromString(any.value()));
    names.push_back(secret.name());
  }
  return names;
}

/// World has an identity for uid 1000 and one for uid 2000.
struct World {
  explicit World(agent_rpc::WorkloadApiOptions options = {}, Options sds_options = {})
      : api(hub, attestor, logger, options), sds(api, std::move(sds_options), {clock, random}) {
    cache.SetEntries({web, db});
    cache.PutSvid(web, RealSvid(OwnCa(), "spiffe://example.org/web"));
    cache.PutSvid(db, RealSvid(OwnCa(), "spiffe://example.org/db"));
    cache.SetBundle({.trust_domain = Td(), .x509_authorities = {{OwnCa().der()}}});
    Publish();
    api.Beside([this](rpc::MethodTable& table, const auto& door) { sds.AddTo(table, door); });
    api.AddTo(methods);
    sds.AddListTo(methods);
  }
  ~World() {
    for (const auto& open : opened) {
      open.second->OnDone();
    }
  }
  void Publish() { hub.Publish(cache.Take(kStart)); }
  std::shared_ptr<FakeCall> Open(const char* method, std::uint32_t uid = 1000) {
    auto process = std::make_shared<rpc::PeerProcess>();
    process->pid = 4711;
    process->uid = uid;
    auto peer = std::make_shared<rpc::Peer>();
    peer->process = std::move(process);
    rpc::CallInfo info;
    info.method = method;
    info.peer = std::move(peer);
    auto call = std::make_shared<FakeCall>(std::move(info));
    opened.emplace_back(call, (*methods.Find(method))(call));
    return call;
  }
  rpc::CallHandler& HandlerOf(const std::shared_ptr<FakeCall>& call) {
    return *std::find_if(opened.begin(), opened.end(), [&](const auto& open) {
              return open.first == call;
            })->second;
  }
  void Send(const std::shared_ptr<FakeCall>& call, const google::protobuf::MessageLite& request) {
    HandlerOf(call).OnMessage(request.SerializeAsString());
  }
  /// Subscribe opens a stream and waits for its first answer.
  std::shared_ptr<FakeCall> Subscribe(const Names& names, std::uint32_t uid = 1000) {
    const auto call = Open(kStream, uid);
    Send(call, Request(names));
    REQUIRE(call->WaitMessages(1).size() == 1);
    return call;
  }
  std::shared_ptr<FakeCall> Fetch(const DiscoveryRequest& request) {
    const auto call = Open(kFetch);
    Send(call, request);
    HandlerOf(call).OnHalfClose();
    return call;
  }
  ListStreamsResponse List(std::uint32_t uid) {
    const auto call = Open(kList, uid);
    HandlerOf(call).OnMessage("");
    HandlerOf(call).OnHalfClose();
    ListStreamsResponse response;
    REQUIRE(response.ParseFromString(call->WaitMessages(1)[0]));
    return response;
  }

  svids::Entry web = MakeEntry("1-web", "/web", {Uid(1000)});
  svids::Entry db = MakeEntry("2-db", "/db", {Uid(2000)});
  svids::Cache cache{Td()};
  svids::Hub hub{"the agent is starting"};
  UidAttestor attestor;
  MemoryLogger logger;
  FakeClock clock;
  FakeRandom random;
  agent_rpc::WorkloadApi api;
  SecretDiscovery sds;
  rpc::MethodTable methods;
  std::vector<std::pair<std::shared_ptr<FakeCall>, std::unique_ptr<rpc::CallHandler>>> opened;
};

TEST_CASE("a changed SVID is one message to its subscriber and none to others") {
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

TEST_CASE("a client that does not read has one answer waiting, and the newest once it has read") {
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

TEST_CASE("the same content has the same version on another agent") {
  World one;
  World two;
  const auto version = [](World& world) {
    return Response(world.Subscribe({"ROOTCA"})->WaitMessages(1)[0]).version_info();
  };
  CHECK(version(one) == version(two));
}

TEST_CASE("a request for other names is answered with them after another attestation") {
  World world;
  const auto call = world.Subscribe({"default"});
  const int before = world.attestor.asked;
  world.Send(call, Request({"default", "ROOTCA"}, Response(call->WaitMessages(1)[0]).nonce()));
  const auto messages = call->WaitMessages(2);
  REQUIRE(messages.size() == 2);
  CHECK(NamesIn(messages[1]) == Names{"ROOTCA"});
  CHECK(world.attestor.asked > before);
}

TEST_CASE("an unknown name keeps the stream, is logged with what could be asked, served later") {
  World world;
  const auto call = world.Subscribe({"default", "spiffe://example.org/api"});
  CHECK(NamesIn(call->WaitMessages(1)[0]) == Names{"default"});
  CHECK(world.logger.Contains("uid 1000"));
  CHECK(world.logger.Contains("spiffe://example.org/api"));
  CHECK(world.logger.Contains("spiffe://example.org/web"));
  const svids::Entry api = MakeEntry("3-api", "/api", {Uid(1000)});
  world.cache.SetEntries({world.web, world.db, api});
  world.cache.PutSvid(api, RealSvid(OwnCa(), "spiffe://example.org/api"));
  world.Publish();
  const auto messages = call->WaitMessages(2);
  REQUIRE(messages.size() == 2);
  CHECK(NamesIn(messages[1]) == Names{"spiffe://example.org/api"});
}

TEST_CASE("where it is strict, a name that is not served ends its stream and says what would be") {
  World world({}, {.strict = true});
  const auto call = world.Open(kStream);
  world.Send(call, Request({"default", "spiffe://example.org/db"}));
  const rpc::RpcStatus status = call->WaitFinished();
  CHECK(status.code == Code::kInvalidArgument);
  CHECK_THAT(status.message, Catch::Contains("not authorized for the requested identities "
                                             "[spiffe://example.org/db]") &&
                                 Catch::Contains("spiffe://example.org/web"));
  CHECK(call->WaitMessages(0).empty());
  CHECK(world.Subscribe({"default"})->WaitMessages(1).size() == 1);
}

TEST_CASE("a workload that loses its last identity has its stream ended with PERMISSION_DENIED") {
  World world;
  const auto call = world.Subscribe({"default"});
  world.cache.SetEntries({world.db});
  world.Publish();
  CHECK(call->WaitFinished().code == Code::kPermissionDenied);
  const auto again = world.Open(kStream);
  world.Send(again, Request({"default"}));
  CHECK(again->WaitFinished().code == Code::kPermissionDenied);
}

TEST_CASE("a request of another type ends the stream with INVALID_ARGUMENT, half-closing with OK") {
  World world;
  const auto wrong = world.Open(kStream);
  DiscoveryRequest request = Request({"default"});
  request.set_type_url("type.googleapis.com/envoy.config.cluster.v3.Cluster");
  world.Send(wrong, request);
  CHECK(wrong->WaitFinished().code == Code::kInvalidArgument);
  const auto garbage = world.Open(kDelta);
  world.HandlerOf(garbage).OnMessage("\xff\xff");
  CHECK(garbage->WaitFinished().code == Code::kInvalidArgument);
  const auto closing = world.Subscribe({"default"});
  world.HandlerOf(closing).OnHalfClose();
  CHECK(closing->WaitFinished().code == Code::kOk);
}

TEST_CASE("delta streams get resources by name and version") {
  World world;
  const auto call = world.Open(kDelta);
  DeltaDiscoveryRequest request;
  request.set_type_url(std::string(kSecretType));
  request.add_resource_names_subscribe("default");
  world.Send(call, request);
  DeltaDiscoveryResponse response;
  REQUIRE(response.ParseFromString(call->WaitMessages(1)[0]));
  REQUIRE(response.resources_size() == 1);
  CHECK(response.resources(0).name() == "default");
}

TEST_CASE("FetchSecrets answers once with everything, or says what is missing") {
  World world;
  const auto good = world.Fetch(Request({"default", "ALL"}));
  CHECK(good->WaitFinished().code == Code::kOk);
  CHECK(NamesIn(good->WaitMessages(1)[0]) == Names{"ALL", "default"});
  const auto missing = world.Fetch(Request({"default", "nobody"}));
  CHECK(missing->WaitFinished().code == Code::kNotFound);
  CHECK_THAT(missing->WaitFinished().message,
             Catch::Contains("nobody: this name means nothing here; the caller could ask for "
                             "default, ROOTCA, ALL, spiffe://example.org/web"));
  DiscoveryRequest wrong = Request({"default"});
  wrong.set_type_url("other");
  CHECK(world.Fetch(wrong)->WaitFinished().code == Code::kInvalidArgument);
}

TEST_CASE("a refusal is logged, listed and counted until something newer is accepted") {
  World world;
  const auto call = world.Subscribe({"default"});
  DiscoveryRequest nack = Request({"default"}, Response(call->WaitMessages(1)[0]).nonce());
  nack.mutable_error_detail()->set_message("key mismatch");
  world.Send(call, nack);
  world.Send(call, nack);
  CHECK(world.sds.refusals() == 1);
  CHECK(world.logger.Contains("key mismatch"));
  CHECK(world.logger.Lines().size() == 1);
  const ListStreamsResponse listed = world.List(0);
  REQUIRE(listed.streams_size() == 1);
  CHECK(listed.streams(0).pid() == 4711);
  CHECK(listed.streams(0).variant() == "sotw");
  CHECK(listed.streams(0).secrets(0).refusal() == "key mismatch");
  CHECK(listed.streams(0).secrets(0).refused() == listed.streams(0).secrets(0).sent());

  world.cache.PutSvid(world.web, RealSvid(OwnCa(), "spiffe://example.org/web"));
  world.Publish();
  const auto messages = call->WaitMessages(2);
  world.Send(call, Request({"default"}, Response(messages[1]).nonce()));
  CHECK(world.sds.refusals() == 0);
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

TEST_CASE("streams count as those of the Workload API, and are given back") {
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

TEST_CASE("callers of another door are judged by its attestor and counted as its account") {
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

TEST_CASE("before the agent is ready a stream is told to come again") {
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

TEST_CASE("new ticket keys are pushed each hour to those who have asked for some") {
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
