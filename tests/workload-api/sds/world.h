#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "signet/api/agent/v1/secret_streams.pb.h"
#include "tests/ca/rpc/fake_call.h"
#include "tests/support/result.h"
#include "tests/workload-api/sds/holdings.h"
#include "workload-api/sds/service.h"

namespace signet::sds::test {

using namespace envoy::service::discovery::v3;
using signet::api::agent::v1::ListStreamsResponse;
using signet::test::FakeCall;
using svids::test::kStart;
using svids::test::MakeEntry;
using svids::test::Td;
using svids::test::Uid;
using Names = std::vector<std::string>;

inline constexpr char kStream[] = "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets";
inline constexpr char kDelta[] = "/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets";
inline constexpr char kFetch[] = "/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets";
inline constexpr char kList[] = "/signet.api.agent.v1.SecretStreams/ListStreams";

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

inline DiscoveryRequest Request(const Names& names, const std::string& nonce = {}) {
  DiscoveryRequest request;
  request.set_type_url(std::string(kSecretType));
  request.set_response_nonce(nonce);
  for (const std::string& name : names) {
    request.add_resource_names(name);
  }
  return request;
}

inline DiscoveryResponse Response(const std::string& message) {
  DiscoveryResponse response;
  REQUIRE(response.ParseFromString(message));
  return response;
}

inline Names NamesIn(const std::string& message) {
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

}  // namespace signet::sds::test
