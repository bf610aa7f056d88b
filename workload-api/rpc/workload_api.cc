#include "workload-api/rpc/workload_api.h"

#include <string>
#include <string_view>
#include <utility>

#include "workload-api/rpc/stream.h"
#include "workload.pb.h"

namespace signet::agent_rpc {
namespace {

constexpr std::string_view kService = "/SpiffeWorkloadAPI/";
constexpr std::string_view kSecurityHeader = "workload.spiffe.io";

std::string Method(std::string_view name) { return std::string(kService) + std::string(name); }

/// StreamHandler ties a Stream to its call's life.
class StreamHandler final : public rpc::CallHandler {
 public:
  StreamHandler(std::shared_ptr<WorkloadApi::Shared> shared, std::shared_ptr<Stream> stream,
                std::uint32_t uid)
      : shared_(std::move(shared)), stream_(std::move(stream)), uid_(uid) {}
  void OnMessage(std::string_view) override {}
  void OnHalfClose() override {}
  void OnDone() override {
    stream_->Over();
    shared_->counts.Leave(uid_);
  }

 private:
  const std::shared_ptr<WorkloadApi::Shared> shared_;
  const std::shared_ptr<Stream> stream_;
  const std::uint32_t uid_;
};

template <class Request>
rpc::HandlerFactory Fetch(const std::shared_ptr<WorkloadApi::Shared>& shared, svids::Topic topic) {
  return rpc::ServerStream([shared, topic](
                               std::shared_ptr<rpc::Call> call,
                               std::string_view raw) -> std::unique_ptr<rpc::CallHandler> {
    const rpc::PeerProcess* const process = call->info().peer->process.get();
    Request request;
    if (process == nullptr || !request.ParseFromArray(raw.data(), static_cast<int>(raw.size()))) {
      call->Finish(process == nullptr
                       ? rpc::RpcStatus{Code::kPermissionDenied,
                                        "the Workload API is served on a Unix socket alone"}
                       : rpc::RpcStatus{Code::kInvalidArgument, "request message does not parse"});
      return nullptr;
    }
    if (!shared->counts.Enter(process->uid)) {
      call->Finish({Code::kResourceExhausted, "too many open streams of this user"});
      return nullptr;
    }
    auto stream = std::make_shared<Stream>(shared, call, topic);
    stream->Begin();
    return std::make_unique<StreamHandler>(shared, std::move(stream), process->uid);
  });
}

/// Unimplemented answers the methods of a profile that is off.
rpc::HandlerFactory Unimplemented(std::string profile) {
  class Silent final : public rpc::CallHandler {
    void OnMessage(std::string_view) override {}
    void OnHalfClose() override {}
  };
  return [profile = std::move(profile)](const std::shared_ptr<rpc::Call>& call) {
    call->Finish({Code::kUnimplemented, "this agent does not serve " + profile});
    return std::make_unique<Silent>();
  };
}

}  // namespace

WorkloadApi::WorkloadApi(svids::Hub& hub, attestor::WorkloadAttestor& attestor, Logger& logger,
                         WorkloadApiOptions options)
    : pool_(std::make_unique<WorkerPool>(options.attest_threads, 2 * options.max_streams)),
      shared_(new Shared{hub, attestor, logger, StreamCounts(options), *pool_}) {}

WorkloadApi::~WorkloadApi() {
  pool_.reset();  // here and not with the last stream, which may be a task of this very pool
}

void WorkloadApi::AddTo(rpc::MethodTable& methods) {
  methods.Add(Method("FetchX509SVID"), Fetch<X509SVIDRequest>(shared_, svids::Topic::kX509Svids));
  methods.Add(Method("FetchX509Bundles"),
              Fetch<X509BundlesRequest>(shared_, svids::Topic::kX509Bundles));
  for (const std::string_view name : {"FetchJWTSVID", "FetchJWTBundles", "ValidateJWTSVID"}) {
    methods.Add(Method(name), Unimplemented("JWT-SVIDs"));
  }
  for (const std::string_view name : {"FetchWITSVID", "FetchWITBundles"}) {
    methods.Add(Method(name), Unimplemented("WIT-SVIDs"));
  }
}

rpc::Interceptor RequireSecurityHeader() {
  return [](const rpc::CallInfo& call) -> rpc::RpcStatus {
    if (!call.method.starts_with(kService)) {
      return {};
    }
    const std::vector<std::string_view> values = call.metadata.All(kSecurityHeader);
    if (values.size() == 1 && values[0] == "true") {
      return {};
    }
    return {Code::kInvalidArgument,
            "security header missing: send the metadata 'workload.spiffe.io: true' once"};
  };
}

}  // namespace signet::agent_rpc
