#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/worker_pool.h"
#include "core/rpc/call.h"

namespace signet::rpc {

/// MethodTable maps full method names to handlers. One per listener; filled before the server
/// starts.
class MethodTable {
 public:
  void Add(std::string method, HandlerFactory factory);
  const HandlerFactory* Find(std::string_view method) const;
  /// Methods lists the full names, sorted.
  std::vector<std::string> Methods() const;

 private:
  std::map<std::string, HandlerFactory, std::less<>> handlers_;
};

/// RawUnary answers a unary call from one complete request message. It gets the call to Finish, on
/// the loop.
using RawUnary = std::function<void(std::shared_ptr<Call>, std::string_view request)>;
/// Unary enforces exactly one request message (else INTERNAL / UNIMPLEMENTED as gRPC does).
HandlerFactory Unary(RawUnary body);

/// RawServerStream starts a server-streaming call from its one request; it returns what must live
/// (and be told OnDone) as long as the stream, or null.
using RawServerStream =
    std::function<std::unique_ptr<CallHandler>(std::shared_ptr<Call>, std::string_view request)>;
HandlerFactory ServerStream(RawServerStream body);

/// AnswerOf is what a typed unary body returns: a response or how it failed.
template <class Response>
struct AnswerOf {
  AnswerOf(Response r) : response(std::move(r)) {}  // NOLINT: implicit by design
  AnswerOf(Error error) : status{error.code, std::move(error.message)} {}  // NOLINT
  AnswerOf(RpcStatus s) : status(std::move(s)) {}                          // NOLINT
  Response response;
  RpcStatus status;
};

/// UnaryOf<Request, Response>: parses, calls body on the event loop (it must not block),
/// serializes. Request and Response are protobuf messages; this header needs none of protobuf's.
template <class Request, class Response>
HandlerFactory UnaryOf(std::function<AnswerOf<Response>(const CallInfo&, const Request&)> body) {
  return Unary([body = std::move(body)](const std::shared_ptr<Call>& call, std::string_view raw) {
    Request request;
    if (!request.ParseFromArray(raw.data(), static_cast<int>(raw.size()))) {
      call->Finish({Code::kInternal, "request message does not parse"});
      return;
    }
    AnswerOf<Response> answer = body(call->info(), request);
    if (answer.status.code != Code::kOk) {
      call->Finish(std::move(answer.status));
      return;
    }
    call->Write(std::make_shared<const std::string>(answer.response.SerializeAsString()));
    call->Finish({});
  });
}

/// PooledUnaryOf is UnaryOf with the body on the pool: for what commits to the database or signs.
template <class Request, class Response>
HandlerFactory PooledUnaryOf(
    WorkerPool& pool, std::function<AnswerOf<Response>(const CallInfo&, const Request&)> body) {
  auto shared = std::make_shared<decltype(body)>(std::move(body));
  return Unary([&pool, shared](const std::shared_ptr<Call>& call, std::string_view raw) {
    auto request = std::make_shared<Request>();
    if (!request->ParseFromArray(raw.data(), static_cast<int>(raw.size()))) {
      call->Finish({Code::kInternal, "request message does not parse"});
      return;
    }
    const bool queued = pool.Submit([call, request, shared] {
      if (call->over()) {
        return;
      }
      AnswerOf<Response> answer = (*shared)(call->info(), *request);
      if (answer.status.code == Code::kOk) {
        call->Write(std::make_shared<const std::string>(answer.response.SerializeAsString()));
      }
      call->Finish(std::move(answer.status));
    });
    if (!queued) {
      call->Finish({Code::kResourceExhausted, "server is busy; try again"});
    }
  });
}

}  // namespace signet::rpc
