#include <google/protobuf/empty.pb.h>

#include "core/crypto/certificate.h"
#include "spire/api/server/agent/v1/agent.pb.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"
#include "spire/api/server/entry/v1/entry.pb.h"
#include "spire/api/server/localauthority/v1/localauthority.pb.h"
#include "spire/api/server/svid/v1/svid.pb.h"
#include "tests/ca/rpc/rpc_world.h"

using namespace signet;
using test::RpcWorld;
namespace agent_api = spire::api::server::agent::v1;
namespace bundle_api = spire::api::server::bundle::v1;
namespace entry_api = spire::api::server::entry::v1;
namespace svid_api = spire::api::server::svid::v1;
namespace types = spire::api::types;

namespace {

const std::string kEntry = "/spire.api.server.entry.v1.Entry/";

types::Entry WireEntry(const std::string& path, const std::string& parent) {
  types::Entry entry;
  entry.mutable_spiffe_id()->set_trust_domain("example.org");
  entry.mutable_spiffe_id()->set_path(path);
  entry.mutable_parent_id()->set_trust_domain("example.org");
  entry.mutable_parent_id()->set_path(parent);
  auto* selector = entry.add_selectors();
  selector->set_type("unix");
  selector->set_value("uid:0");
  entry.set_x509_svid_ttl(60);
  entry.set_jwt_svid_ttl(30);
  entry.set_hint("h");
  entry.add_dns_names("a.example.org");
  entry.mutable_additional_attributes()->set_jwt_svid_include_jti(true);
  return entry;
}

}  // namespace

TEST_CASE("every result of a batch has a status, results keep order and length") {
  RpcWorld world;
  entry_api::BatchCreateEntryRequest request;
  *request.add_entries() = WireEntry("/web", "/host");
  *request.add_entries() = WireEntry("/spire/web", "/host");
  *request.add_entries() = WireEntry("/web", "/host");
  entry_api::BatchCreateEntryResponse response;
  CHECK(world.Unary(world.local, kEntry + "BatchCreateEntry", request, &response).code ==
        Code::kOk);
  REQUIRE(response.results_size() == 3);
  CHECK(response.results(0).status().code() == 0);
  CHECK(response.results(0).status().message() == "OK");
  CHECK(response.results(1).status().code() == 3);
  CHECK_THAT(response.results(1).status().message(),
             Catch::StartsWith("failed to convert entry: "));
  CHECK_FALSE(response.results(1).has_entry());
  CHECK(response.results(2).status().code() == 6);
  CHECK(response.results(2).status().message() == "similar entry already exists");
  CHECK(response.results(2).entry().id() == response.results(0).entry().id());

  types::Entry expected = WireEntry("/web", "/host");
  expected.set_id(response.results(0).entry().id());
  expected.set_created_at(UnixSeconds(world.clock.Now()));
  CHECK(response.results(0).entry().SerializeAsString() == expected.SerializeAsString());
}

TEST_CASE("an output mask keeps what it names and the id") {
  RpcWorld world;
  const auto entry = world.Create(test::EntryOf("/web", "/host"));
  entry_api::GetEntryRequest request;
  request.set_id(entry->id);
  request.mutable_output_mask()->set_spiffe_id(true);
  types::Entry response;
  CHECK(world.Unary(world.local, kEntry + "GetEntry", request, &response).code == Code::kOk);
  CHECK(response.id() == entry->id);
  CHECK(response.spiffe_id().path() == "/web");
  CHECK_FALSE(response.has_parent_id());
  CHECK(response.selectors_size() == 0);
  CHECK(response.created_at() == 0);
}

TEST_CASE("an update through an input mask leaves the rest") {
  RpcWorld world;
  const auto entry = world.Create(test::EntryOf("/web", "/host"));
  entry_api::BatchUpdateEntryRequest request;
  request.add_entries()->set_id(entry->id);
  request.mutable_entries(0)->set_admin(true);
  request.mutable_input_mask()->set_admin(true);
  entry_api::BatchUpdateEntryResponse response;
  CHECK(world.Unary(world.local, kEntry + "BatchUpdateEntry", request, &response).code ==
        Code::kOk);
  CHECK(response.results(0).entry().admin());
  CHECK(response.results(0).entry().revision_number() == 1);
  CHECK(response.results(0).entry().spiffe_id().path() == "/web");
}

TEST_CASE("GetBundle answers anyone, whole or masked") {
  RpcWorld world;
  bundle_api::GetBundleRequest request;
  types::Bundle bundle;
  const std::string method = "/spire.api.server.bundle.v1.Bundle/GetBundle";
  CHECK(world.Unary(RpcWorld::TlsPeer(), method, request, &bundle).code == Code::kOk);
  CHECK(bundle.trust_domain() == "example.org");
  REQUIRE(bundle.x509_authorities_size() == 1);
  REQUIRE_OK(crypto::Certificate::Parse(AsBytes(bundle.x509_authorities(0).asn1())));
  request.mutable_output_mask()->set_jwt_authorities(true);
  CHECK(world.Unary(RpcWorld::TlsPeer(), method, request, &bundle).code == Code::kOk);
  CHECK(bundle.trust_domain() == "example.org");
  CHECK(bundle.x509_authorities_size() == 0);
}

TEST_CASE("AttestAgent admits by token, and refuses what is malformed with the API's code") {
  RpcWorld world;
  const std::string method = "/spire.api.server.agent.v1.Agent/AttestAgent";
  const auto attest = [&](const agent_api::AttestAgentRequest& request, bool send = true) {
    auto [call, handler] = world.OpenCall(RpcWorld::TlsPeer(), method);
    world.clock.Advance(std::chrono::seconds(1));
    if (send) {
      handler->OnMessage(request.SerializeAsString());
    }
    handler->OnHalfClose();
    const auto status = call->WaitFinished();
    handler->OnDone();
    return std::pair(status, call->WaitMessages(1));
  };
  REQUIRE_OK(world.agents.CreateJoinToken({.ttl_seconds = 60, .token = "tok"}));
  agent_api::AttestAgentRequest request;
  request.mutable_params()->mutable_data()->set_type("join_token");
  request.mutable_params()->mutable_data()->set_payload("tok");
  request.mutable_params()->mutable_params()->set_csr(ToString(test::ServiceWorld::Csr()));

  agent_api::AttestAgentRequest no_csr = request;
  no_csr.mutable_params()->clear_params();
  CHECK(attest(no_csr).first.code == Code::kInvalidArgument);
  CHECK(attest({}).first.code == Code::kInvalidArgument);
  CHECK(attest({}, false).first.code == Code::kInvalidArgument);

  const auto [status, messages] = attest(request);
  CHECK(status.code == Code::kOk);
  agent_api::AttestAgentResponse response;
  REQUIRE(response.ParseFromString(messages.at(0)));
  CHECK(response.result().svid().id().path() == "/spire/agent/join_token/tok");
  CHECK(response.result().svid().cert_chain_size() == 1);
  CHECK_FALSE(response.result().reattestable());

  const auto again = attest(request).first;
  CHECK(again.code == Code::kInvalidArgument);
  CHECK(again.message == "failed to attest: join token does not exist or has already been used");
}

TEST_CASE("BatchNewX509SVID gives each item its status, and refuses an empty batch") {
  RpcWorld world;
  const auto agent = world.Attest("t");
  const auto entry = world.Create(test::EntryOf("/web", agent.id.path()));
  const std::string method = "/spire.api.server.svid.v1.SVID/BatchNewX509SVID";
  const auto peer = RpcWorld::TlsPeer(agent.svid.chain);
  svid_api::BatchNewX509SVIDRequest request;
  svid_api::BatchNewX509SVIDResponse response;
  CHECK(world.Unary(peer, method, request, &response).code == Code::kInvalidArgument);
  for (const std::string& id : {entry->id, std::string("none")}) {
    auto* params = request.add_params();
    params->set_entry_id(id);
    params->set_csr(ToString(test::ServiceWorld::Csr()));
  }
  CHECK(world.Unary(peer, method, request, &response).code == Code::kOk);
  REQUIRE(response.results_size() == 2);
  CHECK(response.results(0).status().message() == "OK");
  CHECK(response.results(0).svid().id().path() == "/web");
  CHECK(response.results(1).status().code() == 5);
  CHECK(response.results(1).status().message() == "entry not found or not authorized");
  for (int i = 0; i < 500; ++i) {
    *request.add_params() = request.params(0);
  }
  const auto limited = world.Unary(peer, method, request, &response);
  CHECK(limited.code == Code::kResourceExhausted);
  CHECK(limited.message == "rate (502) exceeds burst size (500)");
}

TEST_CASE("what is not offered says UNIMPLEMENTED and why") {
  RpcWorld world;
  svid_api::MintJWTSVIDRequest request;
  svid_api::MintJWTSVIDResponse response;
  const auto status =
      world.Unary(world.local, "/spire.api.server.svid.v1.SVID/MintJWTSVID", request, &response);
  CHECK(status.code == Code::kUnimplemented);
  CHECK_THAT(status.message, Catch::Contains("JWT-SVIDs"));
}

TEST_CASE("the authorities' state shows the active one") {
  RpcWorld world;
  namespace api = spire::api::server::localauthority::v1;
  api::GetX509AuthorityStateResponse response;
  CHECK(world
            .Unary(world.local,
                   "/spire.api.server.localauthority.v1.LocalAuthority/GetX509AuthorityState",
                   api::GetX509AuthorityStateRequest(), &response)
            .code == Code::kOk);
  CHECK(response.active().authority_id() == world.authorities->issuer()->authority_id());
  CHECK_FALSE(response.has_prepared());
}
