// SDS over a real socket of a real agent, asked with the gRPC library.
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <unistd.h>

#include <future>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"
#include "health/v1/health.pb.h"
#include "signet/api/agent/v1/secret_streams.pb.h"
#include "tests/support/result.h"
#include "tests/workload-api/cmd/house.h"
#include "workload-api/sds/wire.h"

namespace signet::test {
namespace {

using namespace envoy::service::discovery::v3;
using envoy::service::secret::v3::SecretDiscoveryService;
using Secret = envoy::extensions::transport_sockets::tls::v3::Secret;
using Names = std::vector<std::string>;

spiffe::Selector MyUid() { return {"unix", "uid:" + std::to_string(::geteuid())}; }

/// Client is a connection of its own, which ends everything after a minute.
struct Client {
  explicit Client(const std::string& socket) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("grpc.use_local_subchannel_pool", 1);
    channel =
        grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
    stub = SecretDiscoveryService::NewStub(channel);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  }
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<SecretDiscoveryService::Stub> stub;
  grpc::ClientContext context;
};

/// World is a house whose agent serves /web to this process.
struct World {
  World() : token(house.JoinToken()), web(house.CreateEntry(token, "/web", {MyUid()})) {}
  void Start() {
    auto started = house.StartAgent(agent_started ? "" : token);
    REQUIRE_OK(started);
    agent_started = true;
    agent = *std::move(started);
    REQUIRE(Eventually([&] { return Fetch({"default"}).ok(); }));
  }
  Result<DiscoveryResponse> Fetch(const Names& names) const {
    Client client(house.socket_path());
    DiscoveryRequest request;
    *request.mutable_resource_names() = {names.begin(), names.end()};
    DiscoveryResponse response;
    const grpc::Status status = client.stub->FetchSecrets(&client.context, request, &response);
    if (!status.ok()) {
      return Error{static_cast<Code>(status.error_code()), status.error_message()};
    }
    return response;
  }
  House house;
  const std::string token;
  const std::string web;
  bool agent_started = false;
  std::unique_ptr<agent_cmd::RunningAgent> agent;
};

/// SotwStream answers as Envoy does: an ACK with the newest nonce and version.
struct SotwStream : Client {
  explicit SotwStream(const std::string& socket) : Client(socket) {
    stream = stub->StreamSecrets(&context);
  }
  void Send(const Names& names, const std::string& nonce, const std::string& refusal = {}) {
    DiscoveryRequest request;
    request.set_type_url(std::string(sds::kSecretType));
    request.set_version_info(last.version_info());
    request.set_response_nonce(nonce);
    *request.mutable_resource_names() = {names.begin(), names.end()};
    if (!refusal.empty()) {
      request.mutable_error_detail()->set_message(refusal);
    }
    REQUIRE(stream->Write(request));
  }
  Names Next() {
    REQUIRE(stream->Read(&last));
    Names names;
    for (const auto& any : last.resources()) {
      Secret secret;
      REQUIRE(secret.ParseFromString(any.value()));
      names.push_back(secret.name());
    }
    return names;
  }
  grpc::Status End() {
    DiscoveryResponse ignored;
    while (stream->Read(&ignored)) {
    }
    return stream->Finish();
  }
  std::unique_ptr<grpc::ClientReaderWriter<DiscoveryRequest, DiscoveryResponse>> stream;
  DiscoveryResponse last;
};

/// Ask makes a unary call by its path.
template <class Response>
Response Ask(const std::string& socket, const std::string& method, const std::string& request) {
  Client client(socket);
  grpc::GenericStub generic(client.channel);
  const grpc::Slice slice(request);
  const grpc::ByteBuffer out(&slice, 1);
  grpc::ByteBuffer in;
  std::promise<grpc::Status> done;
  generic.UnaryCall(&client.context, method, {}, &out, &in,
                    [&](grpc::Status status) { done.set_value(std::move(status)); });
  const grpc::Status status = done.get_future().get();
  INFO(status.error_message());
  REQUIRE(status.ok());
  grpc::Slice bytes;
  REQUIRE(in.DumpToSingleSlice(&bytes).ok());
  Response response;
  REQUIRE(response.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size())));
  return response;
}

int Health(const std::string& socket, const std::string& service) {
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  return Ask<grpc::health::v1::HealthCheckResponse>(socket, "/grpc.health.v1.Health/Check",
                                                    request.SerializeAsString())
      .status();
}

TEST_CASE("SDS-18, SDS-41: state of the world over a socket: an entry appears, the last one goes") {
  World world;
  world.Start();
  SotwStream stream(world.house.socket_path());
  // Not "default": entries of one second are ordered by their ids.
  const Names wanted = {"spiffe://example.org/web", "ALL", "spiffe://example.org/api"};
  stream.Send(wanted, "");
  CHECK(stream.Next() == Names{"ALL", "spiffe://example.org/web"});
  stream.Send(wanted, stream.last.nonce());
  const std::string api = world.house.CreateEntry(world.token, "/api", {MyUid()});
  CHECK(stream.Next() == Names{"spiffe://example.org/api"});
  stream.Send(wanted, stream.last.nonce());
  world.house.DeleteEntry(api);
  world.house.DeleteEntry(world.web);
  CHECK(stream.End().error_code() == grpc::StatusCode::PERMISSION_DENIED);
}

TEST_CASE("SDS-10: after the agent has restarted, a client with an old nonce is answered") {
  World world;
  world.Start();
  std::string nonce;
  {
    SotwStream stream(world.house.socket_path());
    stream.Send({"default"}, "");
    stream.Next();
    nonce = stream.last.nonce();
    world.agent.reset();
    CHECK_FALSE(stream.End().ok());
  }
  world.Start();
  SotwStream again(world.house.socket_path());
  again.Send({"default"}, nonce);
  CHECK(again.Next() == Names{"default"});
  CHECK(again.last.nonce() != nonce);
}

TEST_CASE("SDS-11, SDS-45: asked twice without a nonce and closed over a socket, all is answered") {
  World world;
  world.Start();
  SotwStream stream(world.house.socket_path());
  stream.Send({"default"}, "");
  stream.Send({"default", "ROOTCA"}, "");
  REQUIRE(stream.stream->WritesDone());
  Names got = stream.Next();
  DiscoveryResponse more;
  while (stream.stream->Read(&more)) {
    got.push_back("and more");
  }
  CHECK(stream.stream->Finish().ok());
  // In one answer, or in two if the first was on its way when the second was asked for.
  CHECK((got == Names{"ROOTCA", "default"} || got == Names{"default", "and more"}));
}

TEST_CASE("SDS-07: a refusal is listed, and health tells it of SDS alone") {
  World world;
  world.Start();
  const std::string socket = world.house.socket_path();
  const std::string service = "envoy.service.secret.v3.SecretDiscoveryService";
  SotwStream stream(socket);
  stream.Send({"default"}, "");
  stream.Next();
  CHECK(Health(socket, service) == grpc::health::v1::HealthCheckResponse::SERVING);
  stream.Send({"default"}, stream.last.nonce(), "key does not match");
  CHECK(Eventually([&] {
    return Health(socket, service) == grpc::health::v1::HealthCheckResponse::NOT_SERVING;
  }));
  CHECK(Health(socket, "") == grpc::health::v1::HealthCheckResponse::SERVING);
  const auto listed = Ask<signet::api::agent::v1::ListStreamsResponse>(
      socket, "/signet.api.agent.v1.SecretStreams/ListStreams", "");
  REQUIRE(listed.streams_size() == 1);
  CHECK(listed.streams(0).pid() == ::getpid());
  CHECK(listed.streams(0).secrets(0).refusal() == "key does not match");
}

TEST_CASE("SDS-20, SDS-21, SDS-22, SDS-23: delta over a socket, and reconnected with versions") {
  World world;
  world.Start();
  std::string version;
  {
    Client client(world.house.socket_path());
    const auto stream = client.stub->DeltaSecrets(&client.context);
    DeltaDiscoveryRequest request;
    request.set_type_url(std::string(sds::kSecretType));
    request.add_resource_names_subscribe("ROOTCA");
    request.add_resource_names_subscribe("nobody");
    REQUIRE(stream->Write(request));
    DeltaDiscoveryResponse response;
    REQUIRE(stream->Read(&response));
    REQUIRE(response.resources_size() == 1);
    CHECK(response.resources(0).name() == "ROOTCA");
    CHECK(response.removed_resources(0) == "nobody");
    version = response.resources(0).version();
    DeltaDiscoveryRequest more;
    more.set_response_nonce(response.nonce());
    more.add_resource_names_unsubscribe("ROOTCA");
    more.add_resource_names_subscribe("default");
    REQUIRE(stream->Write(more));
    REQUIRE(stream->Read(&response));
    CHECK(response.resources(0).name() == "default");
    REQUIRE(stream->WritesDone());
    CHECK_FALSE(stream->Read(&response));
    CHECK(stream->Finish().ok());
  }
  Client client(world.house.socket_path());
  const auto stream = client.stub->DeltaSecrets(&client.context);
  DeltaDiscoveryRequest request;
  request.add_resource_names_subscribe("ROOTCA");
  request.add_resource_names_subscribe("default");
  (*request.mutable_initial_resource_versions())["ROOTCA"] = version;
  REQUIRE(stream->Write(request));
  DeltaDiscoveryResponse response;
  REQUIRE(stream->Read(&response));
  REQUIRE(response.resources_size() == 1);
  CHECK(response.resources(0).name() == "default");
  client.context.TryCancel();
  (void)stream->Finish();
}

TEST_CASE("SDS-30, SDS-32: bad input ends the stream that sent it and nothing else") {
  World world;
  world.Start();
  Names many;
  for (int i = 0; i < 10'000; ++i) {
    many.push_back("name" + std::to_string(i));
  }
  SotwStream greedy(world.house.socket_path());
  greedy.Send(many, "");
  const grpc::Status refused = greedy.End();
  CHECK(refused.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK_THAT(refused.error_message(), Catch::Contains("names 10000 secrets"));

  SotwStream wrong(world.house.socket_path());
  DiscoveryRequest request;
  request.set_type_url("type.googleapis.com/envoy.config.cluster.v3.Cluster");
  REQUIRE(wrong.stream->Write(request));
  CHECK(wrong.End().error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(world.Fetch({"default", "ROOTCA"}).ok());
  REQUIRE_ERROR(world.Fetch({"nobody"}), Code::kNotFound, "could ask for default");
}

TEST_CASE("SDS-48: an agent told to disable_sds_api has no such service") {
  World world;
  world.house.adjust_agent = [](agent_cmd::AgentConfig& config) { config.disable_sds_api = true; };
  auto agent = world.house.StartAgent(world.token);
  REQUIRE_OK(agent);
  REQUIRE_ERROR(world.Fetch({"default"}), Code::kUnimplemented, "");
}

}  // namespace
}  // namespace signet::test
