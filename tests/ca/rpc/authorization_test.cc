#include <google/protobuf/descriptor.h>
#include <google/rpc/status.pb.h>

#include <set>

#include "spire/api/server/entry/v1/entry.pb.h"
#include "spire/api/types/status.pb.h"
#include "tests/ca/rpc/rpc_world.h"

using namespace signet;
using test::RpcWorld;

namespace {

/// DescribedMethods gives every method of every service in our .proto files.
std::set<std::string> DescribedMethods() {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  std::set<std::string> methods;
  for (const char* file :
       {"signet/api/server/v1/changes.proto", "signet/api/server/v1/pods.proto",
        "spire/api/server/agent/v1/agent.proto", "spire/api/server/bundle/v1/bundle.proto",
        "spire/api/server/debug/v1/debug.proto", "spire/api/server/entry/v1/entry.proto",
        "spire/api/server/localauthority/v1/localauthority.proto",
        "spire/api/server/logger/v1/logger.proto", "spire/api/server/svid/v1/svid.proto",
        "spire/api/server/trustdomain/v1/trustdomain.proto"}) {
    const auto* descriptor = pool->FindFileByName(file);
    REQUIRE(descriptor != nullptr);
    for (int s = 0; s < descriptor->service_count(); ++s) {
      for (int m = 0; m < descriptor->service(s)->method_count(); ++m) {
        methods.insert("/" + descriptor->service(s)->full_name() + "/" +
                       descriptor->service(s)->method(m)->name());
      }
    }
  }
  return methods;
}

}  // namespace

TEST_CASE("every method of every .proto has a row in the table and a handler") {
  RpcWorld world;
  const std::set<std::string> described = DescribedMethods();
  CHECK(described.size() == 64);
  for (const std::string& method : described) {
    INFO(method);
    CHECK(service::FindMethod(method) != nullptr);
    CHECK(world.unix_methods.Find(method) != nullptr);
  }
}

TEST_CASE("what a listener serves has a row, and the port serves nothing that is local only") {
  RpcWorld world;
  for (const std::string& method : world.unix_methods.Methods()) {
    INFO(method);
    CHECK(service::FindMethod(method) != nullptr);
  }
  for (const std::string& method : world.tcp_methods.Methods()) {
    INFO(method);
    REQUIRE(service::FindMethod(method) != nullptr);
    CHECK(service::FindMethod(method)->callers != service::kLocal);
  }
}

TEST_CASE("a banned agent is told so in the details of the status") {
  RpcWorld world;
  const auto agent = world.Attest("t");
  const auto peer = RpcWorld::TlsPeer(agent.svid.chain);
  const std::string method = "/spire.api.server.entry.v1.Entry/GetAuthorizedEntries";
  spire::api::server::entry::v1::GetAuthorizedEntriesRequest request;
  spire::api::server::entry::v1::GetAuthorizedEntriesResponse response;
  CHECK(world.Unary(peer, method, request, &response).code == Code::kOk);
  REQUIRE_OK(world.agents.Ban(test::IdOf(agent.id.path())));

  const rpc::RpcStatus status = world.Unary(peer, method, request, &response);
  CHECK(status.code == Code::kPermissionDenied);
  CHECK(status.message == "authorization denied for method " + method);
  google::rpc::Status full;
  REQUIRE(full.ParseFromString(status.details));
  CHECK(full.code() == 7);
  REQUIRE(full.details_size() == 1);
  CHECK(full.details(0).type_url() ==
        "type.googleapis.com/spire.api.types.PermissionDeniedDetails");
  spire::api::types::PermissionDeniedDetails details;
  REQUIRE(full.details(0).UnpackTo(&details));
  CHECK(details.reason() == spire::api::types::PermissionDeniedDetails::AGENT_BANNED);
}

TEST_CASE("an agent SVID that expires on an open connection is refused at the next call") {
  RpcWorld world;
  const auto agent = world.Attest("t");
  const auto peer = RpcWorld::TlsPeer(agent.svid.chain);
  const std::string method = "/spire.api.server.entry.v1.Entry/GetAuthorizedEntries";
  spire::api::server::entry::v1::GetAuthorizedEntriesRequest request;
  spire::api::server::entry::v1::GetAuthorizedEntriesResponse response;
  CHECK(world.Unary(peer, method, request, &response).code == Code::kOk);
  world.clock.Advance(std::chrono::minutes(61));
  const rpc::RpcStatus status = world.Unary(peer, method, request, &response);
  CHECK(status.code == Code::kPermissionDenied);
  google::rpc::Status full;
  REQUIRE(full.ParseFromString(status.details));
  spire::api::types::PermissionDeniedDetails details;
  REQUIRE(full.details(0).UnpackTo(&details));
  CHECK(details.reason() == spire::api::types::PermissionDeniedDetails::AGENT_EXPIRED);
}

TEST_CASE("a connection whose authority leaves the bundle is not trusted at the next call") {
  RpcWorld world;
  const auto agent = world.Attest("t");
  const auto peer = RpcWorld::TlsPeer(agent.svid.chain);
  const std::string method = "/spire.api.server.entry.v1.Entry/GetAuthorizedEntries";
  CHECK(world.guard({method, peer, {}, {}}).code == Code::kOk);
  const auto own = world.records.OwnBundle().value();
  REQUIRE_OK(
      world.records.SaveAuthorities(world.records.Journal(), {}, {own.x509_authorities[0].der}));
  CHECK(world.guard({method, peer, {}, {}}).code == Code::kUnauthenticated);
}
