#pragma once

#include <memory>
#include <string>
#include <utility>

#include "ca/rpc/method_tables.h"
#include "tests/ca/rpc/fake_call.h"
#include "tests/ca/service/service_world.h"
#include "tests/support/result.h"

namespace signet::test {

/// RpcWorldOn is a ServiceWorld, or one that is derived from it, behind its method tables, called
/// without sockets.
template <class World>
struct RpcWorldOn : World {
  using World::agents, World::attestation, World::authorities, World::authorizer, World::bundles;
  using World::clock, World::context, World::cross_certificates, World::entries, World::hub,
      World::limiter, World::pool;
  using World::server_svid, World::svids, World::trust;
  using World::World;

  ca_rpc::Callers callers{trust, clock};
  ca_rpc::Deferrals deferrals{pool, clock};
  ca_rpc::Services services{
      context, entries,    agents,  attestation, svids,        bundles,
      hub,     authorizer, limiter, server_svid, *authorities, *cross_certificates,
      callers, pool,       pool,    deferrals,   clock.Mono(), World::PodService()};
  rpc::MethodTable unix_methods = ca_rpc::UnixMethods(services);
  rpc::MethodTable tcp_methods = ca_rpc::TcpMethods(services);
  rpc::Interceptor guard = ca_rpc::Guard(services);
  std::shared_ptr<const rpc::Peer> local = LocalPeer();

  static std::shared_ptr<const rpc::Peer> LocalPeer() {
    auto peer = std::make_shared<rpc::Peer>();
    peer->process = std::make_shared<rpc::PeerProcess>();
    return peer;
  }
  /// TlsPeer is a connection with an agent's SVID, or without any.
  static std::shared_ptr<const rpc::Peer> TlsPeer(std::vector<Bytes> chain = {}) {
    auto peer = std::make_shared<rpc::Peer>();
    peer->address = "192.0.2.1";
    peer->certificates = std::move(chain);
    return peer;
  }

  /// OpenCall goes through the guard as the server does; the handler lives in the pair.
  std::pair<std::shared_ptr<FakeCall>, std::unique_ptr<rpc::CallHandler>> OpenCall(
      const std::shared_ptr<const rpc::Peer>& peer, const std::string& method) {
    auto call = std::make_shared<FakeCall>(rpc::CallInfo{method, peer, {}, {}});
    if (rpc::RpcStatus denied = guard(call->info()); denied.code != Code::kOk) {
      call->Finish(std::move(denied), {});
      return {call, nullptr};
    }
    const rpc::HandlerFactory* factory = (peer->process ? unix_methods : tcp_methods).Find(method);
    if (factory == nullptr) {
      call->Finish({Code::kUnimplemented, "unknown method"}, {});
      return {call, nullptr};
    }
    return {call, (*factory)(call)};
  }

  /// Unary makes one call and gives its status; the response is filled if it is OK.
  template <class Response, class Request>
  rpc::RpcStatus Unary(const std::shared_ptr<const rpc::Peer>& peer, const std::string& method,
                       const Request& request, Response* response) {
    auto [call, handler] = OpenCall(peer, method);
    if (handler) {
      handler->OnMessage(request.SerializeAsString());
      handler->OnHalfClose();
    }
    rpc::RpcStatus status = call->WaitFinished();
    if (status.code == Code::kOk) {
      REQUIRE(response->ParseFromString(call->WaitMessages(1).at(0)));
    }
    if (handler) {
      handler->OnDone();
    }
    return status;
  }
};

using RpcWorld = RpcWorldOn<ServiceWorld>;

}  // namespace signet::test
