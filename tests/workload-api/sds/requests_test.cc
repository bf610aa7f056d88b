// What a stream makes of requests and of what is said in them.
#include "tests/workload-api/sds/world.h"

namespace signet::sds {
namespace {

using namespace test;

TEST_CASE("SDS-02: what the first request says of the client holds for the whole stream") {
  World world;
  DiscoveryRequest first = Request({"default"});
  auto& metadata = *first.mutable_node()->mutable_metadata();
  (*metadata.mutable_fields())["disable_spiffe_cert_validation"].set_bool_value(true);
  const auto call = world.Open(kStream);
  world.Send(call, first);
  REQUIRE(call->WaitMessages(1).size() == 1);
  DiscoveryRequest second = Request({"ROOTCA"}, Response(call->WaitMessages(1)[0]).nonce());
  second.mutable_node()->set_id("says something else");
  world.Send(call, second);
  REQUIRE(call->WaitMessages(2).size() == 2);
  envoy::extensions::transport_sockets::tls::v3::Secret secret;
  REQUIRE(secret.ParseFromString(Response(call->WaitMessages(2)[1]).resources(0).value()));
  CHECK(secret.validation_context().has_trusted_ca());
}

TEST_CASE("SDS-05: whether an answer was accepted does not hang on the version in the request") {
  World world;
  const auto call = world.Subscribe({"default"});
  DiscoveryRequest ack = Request({"default"}, Response(call->WaitMessages(1)[0]).nonce());
  ack.set_version_info("of long ago");
  world.Send(call, ack);
  CHECK(world.sds.refusals() == 0);
  const auto listed = world.List(0).streams(0).secrets(0);
  CHECK(listed.accepted() == listed.sent());

  world.cache.PutSvid(world.web, RealSvid(OwnCa(), "spiffe://example.org/web"));
  world.Publish();
  const DiscoveryResponse newer = Response(call->WaitMessages(2).at(1));
  DiscoveryRequest nack = Request({"default"}, newer.nonce());
  nack.set_version_info(newer.version_info());
  nack.mutable_error_detail();
  world.Send(call, nack);
  CHECK(world.sds.refusals() == 1);
}

TEST_CASE("SDS-47: what a client says reaches operators whole, or cut at a character") {
  World world;
  const auto call = world.Subscribe({"default"});
  DiscoveryRequest nack = Request({"default"}, Response(call->WaitMessages(1)[0]).nonce());
  nack.mutable_error_detail()->set_message(std::string(511, 'x') + "\u20ac");
  world.Send(call, nack);
  CHECK(world.List(0).streams(0).secrets(0).refusal() == std::string(511, 'x'));
}

TEST_CASE("SDS-45: who asks and closes its side at once has its answer, and then a good end") {
  for (const char* name : {"default", "nobody"}) {
    World world;
    const auto call = world.Open(kStream);
    world.Send(call, Request({name, "ROOTCA"}));
    world.HandlerOf(call).OnHalfClose();
    CHECK(call->WaitFinished().code == Code::kOk);
    CHECK(call->WaitMessages(1).size() == 1);
  }
  World world;
  const auto unknown = world.Open(kStream);
  world.Send(unknown, Request({"nobody"}));
  world.HandlerOf(unknown).OnHalfClose();
  CHECK(unknown->WaitFinished().code == Code::kOk);
  const auto silent = world.Open(kDelta);
  world.HandlerOf(silent).OnHalfClose();
  CHECK(silent->WaitFinished().code == Code::kOk);
}

TEST_CASE("SDS-45: who reads slowly has its last answer before the end") {
  World world({.attest_threads = 1});
  const auto call = world.Subscribe({"default"});
  const auto other = world.Subscribe({"default"});
  call->unread = 1;
  world.Send(call, Request({"default", "ROOTCA"}, Response(call->WaitMessages(1)[0]).nonce()));
  world.HandlerOf(call).OnHalfClose();
  // One thread, in order: when the other has its answer this one was looked at.
  world.Send(other, Request({"default", "ALL"}, Response(other->WaitMessages(1)[0]).nonce()));
  REQUIRE(other->WaitMessages(2).size() == 2);
  CHECK_FALSE(call->over());
  call->unread = 0;
  world.HandlerOf(call).OnWritable();
  CHECK(call->WaitFinished().code == Code::kOk);
  CHECK(NamesIn(call->WaitMessages(2).at(1)) == Names{"ROOTCA"});
}

TEST_CASE("SDS-40: nobody is served the secret of another by its name") {
  World world;
  const auto call = world.Open(kDelta);
  DeltaDiscoveryRequest request;
  request.add_resource_names_subscribe("spiffe://example.org/db");
  request.add_resource_names_subscribe("spiffe://example.org/web");
  world.Send(call, request);
  DeltaDiscoveryResponse response;
  REQUIRE(response.ParseFromString(call->WaitMessages(1).at(0)));
  REQUIRE(response.resources_size() == 1);
  CHECK(response.resources(0).name() == "spiffe://example.org/web");
  REQUIRE(response.removed_resources_size() == 1);
  CHECK(response.removed_resources(0) == "spiffe://example.org/db");
  const auto fetched = world.Fetch(Request({"spiffe://example.org/db"}));
  CHECK(fetched->WaitFinished().code == Code::kNotFound);
  CHECK(fetched->WaitMessages(0).empty());
}

TEST_CASE("SDS-23: a delta client that loses one of its secrets is told which") {
  World world;
  const svids::Entry api = MakeEntry("3-api", "/api", {Uid(1000)});
  world.cache.SetEntries({world.web, world.db, api});
  world.cache.PutSvid(api, RealSvid(OwnCa(), "spiffe://example.org/api"));
  world.Publish();
  const auto call = world.Open(kDelta);
  DeltaDiscoveryRequest request;
  request.add_resource_names_subscribe("spiffe://example.org/api");
  request.add_resource_names_subscribe("spiffe://example.org/web");
  world.Send(call, request);
  REQUIRE(call->WaitMessages(1).size() == 1);
  world.cache.SetEntries({world.web, world.db});
  world.Publish();
  DeltaDiscoveryResponse response;
  REQUIRE(response.ParseFromString(call->WaitMessages(2).at(1)));
  CHECK(response.resources_size() == 0);
  REQUIRE(response.removed_resources_size() == 1);
  CHECK(response.removed_resources(0) == "spiffe://example.org/api");
}

TEST_CASE(
    "SDS-18: an unknown name keeps the stream, is logged with what could be asked, served later") {
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

TEST_CASE(
    "SDS-19: where it is strict, a name that is not served ends its stream and says what would "
    "be") {
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

TEST_CASE(
    "SDS-41: a workload that loses its last identity has its stream ended with PERMISSION_DENIED") {
  World world;
  const auto call = world.Subscribe({"default"});
  world.cache.SetEntries({world.db});
  world.Publish();
  CHECK(call->WaitFinished().code == Code::kPermissionDenied);
  const auto again = world.Open(kStream);
  world.Send(again, Request({"default"}));
  CHECK(again->WaitFinished().code == Code::kPermissionDenied);
}

TEST_CASE(
    "SDS-30, SDS-33, SDS-45: another type ends the stream with INVALID_ARGUMENT, half-closing with "
    "OK") {
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

TEST_CASE("SDS-20: delta streams get resources by name and version") {
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

TEST_CASE("SDS-07: a refusal is logged, listed and counted until something newer is accepted") {
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

}  // namespace
}  // namespace signet::sds
