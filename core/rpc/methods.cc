#include "core/rpc/methods.h"

namespace signet::rpc {
namespace {

/// OneRequest collects the single request message of a unary or server-streaming call and starts
/// the body when the client has said that there is no other.
class OneRequest : public CallHandler {
 public:
  explicit OneRequest(std::shared_ptr<Call> call) : call_(std::move(call)) {}

  void OnMessage(std::string_view message) override {
    if (have_) {
      call_->Finish({Code::kUnimplemented, "method takes one request message, more were sent"});
      return;
    }
    have_ = true;
    request_ = message;
  }

  void OnHalfClose() override {
    if (!have_) {
      call_->Finish({Code::kInternal, "request message is missing"});
      return;
    }
    const std::string request = std::move(request_);
    Begin(call_, request);
  }

 protected:
  virtual void Begin(const std::shared_ptr<Call>& call, std::string_view request) = 0;

 private:
  const std::shared_ptr<Call> call_;
  std::string request_;
  bool have_ = false;
};

class UnaryHandler final : public OneRequest {
 public:
  UnaryHandler(std::shared_ptr<Call> call, std::shared_ptr<const RawUnary> body)
      : OneRequest(std::move(call)), body_(std::move(body)) {}

 private:
  void Begin(const std::shared_ptr<Call>& call, std::string_view request) override {
    (*body_)(call, request);
  }
  const std::shared_ptr<const RawUnary> body_;
};

class ServerStreamHandler final : public OneRequest {
 public:
  ServerStreamHandler(std::shared_ptr<Call> call, std::shared_ptr<const RawServerStream> body)
      : OneRequest(std::move(call)), body_(std::move(body)) {}

  void OnWritable() override {
    if (stream_) {
      stream_->OnWritable();
    }
  }
  void OnDone() override {
    if (stream_) {
      stream_->OnDone();
    }
  }

 private:
  void Begin(const std::shared_ptr<Call>& call, std::string_view request) override {
    stream_ = (*body_)(call, request);
  }
  const std::shared_ptr<const RawServerStream> body_;
  std::unique_ptr<CallHandler> stream_;
};

}  // namespace

void MethodTable::Add(std::string method, HandlerFactory factory) {
  handlers_[std::move(method)] = std::move(factory);
}

const HandlerFactory* MethodTable::Find(std::string_view method) const {
  const auto found = handlers_.find(method);
  return found == handlers_.end() ? nullptr : &found->second;
}

std::vector<std::string> MethodTable::Methods() const {
  std::vector<std::string> names;
  for (const auto& [name, factory] : handlers_) {
    names.push_back(name);
  }
  return names;
}

HandlerFactory Unary(RawUnary body) {
  auto shared = std::make_shared<const RawUnary>(std::move(body));
  return [shared](std::shared_ptr<Call> call) -> std::unique_ptr<CallHandler> {
    return std::make_unique<UnaryHandler>(std::move(call), shared);
  };
}

HandlerFactory ServerStream(RawServerStream body) {
  auto shared = std::make_shared<const RawServerStream>(std::move(body));
  return [shared](std::shared_ptr<Call> call) -> std::unique_ptr<CallHandler> {
    return std::make_unique<ServerStreamHandler>(std::move(call), shared);
  };
}

}  // namespace signet::rpc
