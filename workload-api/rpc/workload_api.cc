#include "workload-api/rpc/workload_api.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "workload-api/rpc/cross_certificates.h"
#include "workload-api/rpc/stream.h"
#include "workload.pb.h"

namespace signet::agent_rpc {
namespace {

constexpr std::string_view kService = "/SpiffeWorkloadAPI/";
constexpr std::string_view kOwnService = "/signet.api.agent.v1.CrossCertificates/";
constexpr std::string_view kSecurityHeader = "workload.spiffe.io";

std::string Method(std::string_view name) { return std::string(kService) + std::string(name); }

/// LatestWriter writes the whole state, ready made: an older one that nobody has read is replaced.
class LatestWriter final : public StreamWriter {
 public:
  LatestWriter(std::shared_ptr<rpc::Call> call, svids::Topic topic)
      : call_(std::move(call)), topic_(topic) {}
  svids::Topic topic() const override { return topic_; }
  void Write(const svids::Update& state) override {
    // A new subscription may give what the former one gave.
    if (written_ != nullptr && *written_ == *state.message) {
      return;
    }
    written_ = state.message;
    call_->WriteLatest(state.message);
  }

 private:
  const std::shared_ptr<rpc::Call> call_;
  const svids::Topic topic_;
  std::shared_ptr<const std::string> written_;
};

template <class Request>
rpc::HandlerFactory Fetch(const std::shared_ptr<WorkloadApi::Shared>& shared,
                          const std::shared_ptr<const Door>& door, svids::Topic topic) {
  return rpc::ServerStream(
      [shared, door, topic](std::shared_ptr<rpc::Call> call,
                            std::string_view raw) -> std::unique_ptr<rpc::CallHandler> {
        Request request;
        if (!request.ParseFromArray(raw.data(), static_cast<int>(raw.size()))) {
          call->Finish({Code::kInvalidArgument, "request message does not parse"});
          return nullptr;
        }
        return OpenStream(shared, door, call, std::make_shared<LatestWriter>(call, topic));
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
      shared_(new Shared{hub, logger, StreamCounts(options), *pool_}),
      // Not owned: the caller keeps it alive.
      main_(new Door{{std::shared_ptr<void>(), &attestor}, ""}) {}

WorkloadApi::~WorkloadApi() {
  pool_.reset();  // here and not with the last stream, which may be a task of this very pool
}

void WorkloadApi::AddTo(rpc::MethodTable& methods) { AddTo(methods, *main_); }

void WorkloadApi::AddTo(rpc::MethodTable& methods, Door door) {
  const auto shared_door = std::make_shared<const Door>(std::move(door));
  methods.Add(Method("FetchX509SVID"),
              Fetch<X509SVIDRequest>(shared_, shared_door, svids::Topic::kX509Svids));
  methods.Add(Method("FetchX509Bundles"),
              Fetch<X509BundlesRequest>(shared_, shared_door, svids::Topic::kX509Bundles));
  for (const std::string_view name : {"FetchJWTSVID", "FetchJWTBundles", "ValidateJWTSVID"}) {
    methods.Add(Method(name), Unimplemented("JWT-SVIDs"));
  }
  for (const std::string_view name : {"FetchWITSVID", "FetchWITBundles"}) {
    methods.Add(Method(name), Unimplemented("WIT-SVIDs"));
  }
  methods.Add(std::string(kOwnService) + "WatchCrossCertificates",
              WatchCrossCertificates(shared_, shared_door));
  for (const Registrar& registrar : beside_) {
    registrar(methods, shared_door);
  }
}

rpc::Interceptor RequireSecurityHeader() {
  return [](const rpc::CallInfo& call) -> rpc::RpcStatus {
    if (!call.method.starts_with(kService) && !call.method.starts_with(kOwnService)) {
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
