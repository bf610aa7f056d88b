#include "workload-api/cmd/workload_client.h"

#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <future>

#include "core/config/socket_probe.h"
#include "signet/api/agent/v1/secret_streams.pb.h"
#include "workload.grpc.pb.h"

namespace signet::agent_cmd {
namespace {

Status FromGrpc(const grpc::Status& status) {
  return status.ok() ? Status()
                     : Error{static_cast<Code>(status.error_code()), status.error_message()};
}

gpr_timespec DeadlineAfter(Duration timeout) {
  if (timeout == Duration::zero()) {
    return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  }
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_nanos(timeout.count(), GPR_TIMESPAN));
}

class GrpcWorkloadClient final : public WorkloadClient {
 public:
  explicit GrpcWorkloadClient(std::shared_ptr<grpc::Channel> channel)
      : channel_(std::move(channel)) {}

  Status WatchX509(Duration timeout,
                   const std::function<bool(const X509SVIDResponse&)>& receive) override {
    const auto stub = SpiffeWorkloadAPI::NewStub(channel_);
    grpc::ClientContext context;
    context.AddMetadata("workload.spiffe.io", "true");
    context.set_deadline(DeadlineAfter(timeout));
    const auto stream = stub->FetchX509SVID(&context, X509SVIDRequest());
    X509SVIDResponse response;
    while (stream->Read(&response)) {
      if (!receive(response)) {
        context.TryCancel();
        stream->Finish();
        return {};
      }
    }
    const grpc::Status status = stream->Finish();
    return status.ok() ? Status(Unavailable("the agent ended the stream")) : FromGrpc(status);
  }

  Status Healthy() override {
    constexpr int kServing = 1;
    // grpc.health.v1's messages on the wire: the request's service is "", the response's status is
    // an enum in field 1, which Int32Value reads.
    google::protobuf::Int32Value value;
    SIGNET_TRY(Ask("/grpc.health.v1.Health/Check", value));
    if (value.value() != kServing) {
      return Unavailable("it answers but does not serve yet; see its log");
    }
    return {};
  }

  Status ListSecretStreams(api::agent::v1::ListStreamsResponse& response) override {
    return Ask("/signet.api.agent.v1.SecretStreams/ListStreams", response);
  }

 private:
  /// Ask makes a unary call with an empty request.
  Status Ask(const char* method, google::protobuf::MessageLite& response) {
    constexpr auto kTimeout = std::chrono::seconds(10);
    grpc::ClientContext context;
    context.set_deadline(DeadlineAfter(kTimeout));
    grpc::GenericStub stub(channel_);
    grpc::Slice empty;
    const grpc::ByteBuffer request(&empty, 1);
    grpc::ByteBuffer answer;
    std::promise<grpc::Status> done;
    stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &answer,
                   [&done](grpc::Status status) { done.set_value(std::move(status)); });
    SIGNET_TRY(FromGrpc(done.get_future().get()));
    grpc::Slice bytes;
    if (!answer.DumpToSingleSlice(&bytes).ok() ||
        !response.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size()))) {
      return Internal("the agent's answer does not parse");
    }
    return {};
  }

  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace

Result<std::unique_ptr<WorkloadClient>> ConnectAgent(const std::string& socket_path) {
  SIGNET_TRY(config::ProbeSocket(socket_path, "signet-agent"));
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return std::unique_ptr<WorkloadClient>(
      std::make_unique<GrpcWorkloadClient>(grpc::CreateCustomChannel(
          "unix:" + socket_path, grpc::InsecureChannelCredentials(), arguments)));
}

}  // namespace signet::agent_cmd
