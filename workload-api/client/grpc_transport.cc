#include <grpcpp/grpcpp.h>

#include <mutex>
#include <utility>

#include "core/base/secret.h"
#include "workload-api/client/transport.h"
#include "workload.grpc.pb.h"

namespace signet::client {
namespace {

std::string Target(const Endpoint& endpoint) {
  // The library knows "unix:" and IP literals under the same URI syntax, percent escapes included.
  const std::string uri = endpoint.ToString();
  if (endpoint.kind == Endpoint::Kind::kUnix) {
    return uri;
  }
  const bool v6 = endpoint.ip.find(':') != std::string::npos;
  return (v6 ? "ipv6:" : "ipv4:") + uri.substr(std::string_view("tcp://").size());
}

// A fresh connection for each attempt: our own backoff decides when, not the library's (1 s to 2
// min).
std::shared_ptr<grpc::Channel> Connect(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

// Takes the key out of the protobuf message and wipes what it leaves there.
Secret TakeKey(X509SVID& svid) {
  std::string& key = *svid.mutable_x509_svid_key();
  Secret secret(ToBytes(AsBytes(key)));
  WipeBytes({reinterpret_cast<std::uint8_t*>(key.data()), key.size()});
  return secret;
}

X509Message Convert(X509SVIDResponse& response) {
  X509Message message;
  for (X509SVID& svid : *response.mutable_svids()) {
    message.svids.push_back({svid.spiffe_id(), ToBytes(AsBytes(svid.x509_svid())), TakeKey(svid),
                             ToBytes(AsBytes(svid.bundle())), svid.hint()});
  }
  for (const auto& [name, bundle] : response.federated_bundles()) {
    message.federated_bundles.emplace(name, ToBytes(AsBytes(bundle)));
  }
  return message;
}

class GrpcTransport final : public X509Transport {
 public:
  explicit GrpcTransport(std::string target) : target_(std::move(target)) {}

  Status Watch(const OnMessage& on_message) override {
    grpc::ClientContext context;
    context.AddMetadata("workload.spiffe.io", "true");
    if (!Begin(context)) {
      return Error{Code::kCancelled, "the source is closed"};
    }
    const auto stub = SpiffeWorkloadAPI::NewStub(Connect(target_));
    const auto reader = stub->FetchX509SVID(&context, X509SVIDRequest());
    X509SVIDResponse response;
    while (reader->Read(&response)) {
      on_message(Convert(response));
    }
    const grpc::Status status = reader->Finish();
    End();
    if (status.ok()) {
      return {};
    }
    return Error{static_cast<Code>(status.error_code()), "Workload API: " + status.error_message()};
  }

  void Cancel() override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (context_ != nullptr) {
      context_->TryCancel();
    }
  }

 private:
  bool Begin(grpc::ClientContext& context) {
    const std::lock_guard lock(mutex_);
    context_ = cancelled_ ? nullptr : &context;
    return !cancelled_;
  }
  void End() {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
  }

  const std::string target_;
  std::mutex mutex_;
  grpc::ClientContext* context_ = nullptr;
  bool cancelled_ = false;
};

}  // namespace

std::unique_ptr<X509Transport> MakeGrpcTransport(const Endpoint& endpoint) {
  return std::make_unique<GrpcTransport>(Target(endpoint));
}

}  // namespace signet::client
