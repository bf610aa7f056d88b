#include <google/protobuf/descriptor.pb.h>

#include "core/rpc/health.h"
#include "core/rpc/reflection.h"
#include "health/v1/health.pb.h"
#include "reflection/v1/reflection.pb.h"
#include "tests/core/rpc/test_server.h"
#include "tests/support/h2_client.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::test;
using HealthRequest = grpc::health::v1::HealthCheckRequest;
using HealthResponse = grpc::health::v1::HealthCheckResponse;
using Question = grpc::reflection::v1::ServerReflectionRequest;
using Reply = grpc::reflection::v1::ServerReflectionResponse;

namespace {

/// Served runs health and reflection alone.
struct Served {
  Served() {
    rpc::MethodTable methods;
    rpc::AddHealth(methods, [this] { return healthy.load(); },
                   {{"part", [this] { return part_healthy.load(); }}});
    rpc::AddReflection(methods, {"grpc.health.v1.Health"});
    rpc::ServerOptions options{.loops = 1, .clock = &clock};
    options.listeners.push_back({.unix_path = dir.File("s"), .methods = std::move(methods)});
    auto started = rpc::Server::Start(std::move(options));
    REQUIRE_OK(started);
    server = *std::move(started);
    client = H2Client::Unix(dir.File("s"));
    REQUIRE(client);
  }
  H2Reply Check(const std::string& service) {
    HealthRequest request;
    request.set_service(service);
    return client->Call("/grpc.health.v1.Health/Check", request.SerializeAsString());
  }
  Reply Ask(const Question& question, const std::string& version = "v1") {
    const H2Reply reply =
        client->Call("/grpc.reflection." + version + ".ServerReflection/ServerReflectionInfo",
                     question.SerializeAsString());
    Reply answer;
    REQUIRE(reply.grpc_status() == 0);
    REQUIRE(reply.Messages().size() == 1);
    REQUIRE(answer.ParseFromString(reply.Messages().front()));
    return answer;
  }

  std::atomic<bool> healthy{true};
  std::atomic<bool> part_healthy{true};
  TempDir dir;
  RealClock clock;
  std::unique_ptr<rpc::Server> server;
  std::unique_ptr<H2Client> client;
};

std::vector<std::string> FileNames(const Reply& reply) {
  std::vector<std::string> names;
  for (const std::string& wire : reply.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    REQUIRE(file.ParseFromString(wire));
    names.push_back(file.name());
  }
  return names;
}

}  // namespace

TEST_CASE("health answers for the whole server and for services that are named, no other") {
  Served served;
  HealthResponse response;
  REQUIRE(response.ParseFromString(served.Check("").Messages().at(0)));
  CHECK(response.status() == HealthResponse::SERVING);
  served.healthy = false;
  REQUIRE(response.ParseFromString(served.Check("").Messages().at(0)));
  CHECK(response.status() == HealthResponse::NOT_SERVING);
  CHECK(served.Check("some.Service").grpc_status() == 3);

  REQUIRE(response.ParseFromString(served.Check("part").Messages().at(0)));
  CHECK(response.status() == HealthResponse::SERVING);
  served.healthy = true;
  served.part_healthy = false;
  REQUIRE(response.ParseFromString(served.Check("part").Messages().at(0)));
  CHECK(response.status() == HealthResponse::NOT_SERVING);
  REQUIRE(response.ParseFromString(served.Check("").Messages().at(0)));
  CHECK(response.status() == HealthResponse::SERVING);
  CHECK(served.client->Call("/grpc.health.v1.Health/Watch", "").grpc_status() == 12);
  CHECK(served.client->Call("/grpc.health.v1.Health/Check", "\xff").grpc_status() == 13);
}

TEST_CASE(
    "EP-21: reflection lists services, and gives files by name and symbol, in both versions") {
  Served served;
  for (const char* version : {"v1", "v1alpha"}) {
    Question question;
    question.set_list_services("*");
    const Reply list = served.Ask(question, version);
    std::vector<std::string> names;
    for (const auto& service : list.list_services_response().service()) {
      names.push_back(service.name());
    }
    CHECK(names == std::vector<std::string>{"grpc.health.v1.Health",
                                            "grpc.reflection.v1.ServerReflection",
                                            "grpc.reflection.v1alpha.ServerReflection"});
    for (const std::string& name : names) {
      question.set_file_containing_symbol(name);
      CHECK(FileNames(served.Ask(question, version)).size() == 1);
    }
    question.set_file_containing_symbol("grpc.health.v1.Health.Check");
    CHECK(FileNames(served.Ask(question, version)) ==
          std::vector<std::string>{"health/v1/health.proto"});
    question.set_file_by_filename("health/v1/health.proto");
    CHECK(FileNames(served.Ask(question, version)).size() == 1);
  }
}

TEST_CASE("reflection says what it does not know, and goes on") {
  Served served;
  Question question;
  question.set_file_containing_symbol("no.such.Symbol");
  CHECK(served.Ask(question).error_response().error_code() == 5);
  question.set_all_extension_numbers_of_type("google.protobuf.MethodOptions");
  CHECK(served.Ask(question).all_extension_numbers_response().base_type_name() ==
        "google.protobuf.MethodOptions");
  question.mutable_file_containing_extension()->set_containing_type(
      "google.protobuf.MethodOptions");
  CHECK(served.Ask(question).error_response().error_code() == 5);
  CHECK(served.Ask(Question()).error_response().error_code() == 3);
}
