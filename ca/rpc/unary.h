#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "ca/rpc/services.h"
#include "core/rpc/methods.h"

namespace signet::ca_rpc {

/// Body answers one unary call from its parsed request.
template <class Request, class Response>
using Body = std::function<rpc::AnswerOf<Response>(const rpc::CallInfo&, const Request&)>;

/// Inline serves a method on the event loop: for reads of memory alone.
template <class Request, class Response>
rpc::HandlerFactory Inline(Body<Request, Response> body) {
  return rpc::UnaryOf<Request, Response>(std::move(body));
}

/// Pooled serves a method on the pool: for what commits, signs, or walks over everything.
template <class Request, class Response>
rpc::HandlerFactory Pooled(Services& services, Body<Request, Response> body) {
  return rpc::PooledUnaryOf<Request, Response>(services.pool, std::move(body));
}

/// Refusing serves a method that is known and not offered.
template <class Request, class Response>
rpc::HandlerFactory Refusing(Error error) {
  return rpc::UnaryOf<Request, Response>(
      [error](const rpc::CallInfo&, const Request&) -> rpc::AnswerOf<Response> { return error; });
}

/// RunLimited runs a call's work on the pool once its rate limit allows it, or finishes the call
/// with RESOURCE_EXHAUSTED. Callers on the Unix socket are not limited (spire-api §4).
void RunLimited(Services& services, service::Bucket bucket, std::size_t cost,
                const std::shared_ptr<rpc::Call>& call, std::function<void()> work);

/// Limited is Pooled behind a rate limit; cost says how many tokens a request takes.
template <class Request, class Response>
rpc::HandlerFactory Limited(Services& services, service::Bucket bucket,
                            std::function<std::size_t(const Request&)> cost,
                            Body<Request, Response> body) {
  auto shared = std::make_shared<const Body<Request, Response>>(std::move(body));
  return rpc::Unary([&services, bucket, cost = std::move(cost), shared](
                        const std::shared_ptr<rpc::Call>& call, std::string_view raw) {
    auto request = std::make_shared<Request>();
    if (!request->ParseFromArray(raw.data(), static_cast<int>(raw.size()))) {
      call->Finish({Code::kInternal, "request message does not parse"});
      return;
    }
    RunLimited(services, bucket, cost(*request), call, [call, request, shared] {
      rpc::AnswerOf<Response> answer = (*shared)(call->info(), *request);
      if (answer.status.code == Code::kOk) {
        call->Write(std::make_shared<const std::string>(answer.response.SerializeAsString()));
      }
      call->Finish(std::move(answer.status));
    });
  });
}

/// AgentOf gives the calling agent's ID; the guard has let only agents through to where it is used.
Result<spiffe::SpiffeId> AgentOf(Services& services, const rpc::CallInfo& info);

}  // namespace signet::ca_rpc
