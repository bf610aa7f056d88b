#include "ca/cmd/server_api.h"

#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <future>

#include "core/config/socket_probe.h"

namespace signet::ca_cmd {
namespace {

constexpr auto kCallTimeout = std::chrono::minutes(1);
constexpr int kMaxAnswerBytes = 64 * 1024 * 1024;

// GrpcApi sends serialized messages through the generic stub: one file sees the gRPC library, and
// none its generated stubs, which take seconds each to compile.
class GrpcApi final : public ServerApi {
 public:
  explicit GrpcApi(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}

  Status Call(std::string_view method, const google::protobuf::Message& request,
              google::protobuf::Message& response) override {
    grpc::ClientContext context;
    grpc::Slice slice(request.SerializeAsString());
    const grpc::ByteBuffer out(&slice, 1);
    grpc::ByteBuffer in;
    std::promise<grpc::Status> done;
    stub_.UnaryCall(&context, std::string(method), grpc::StubOptions(), &out, &in,
                    [&done](grpc::Status status) { done.set_value(std::move(status)); });
    std::future<grpc::Status> finished = done.get_future();
    if (finished.wait_for(kCallTimeout) != std::future_status::ready) {
      context.TryCancel();
      finished.wait();
      return Error{Code::kDeadlineExceeded, "the server did not answer within a minute"};
    }
    const grpc::Status status = finished.get();
    if (!status.ok()) {
      return Error{static_cast<Code>(status.error_code()), status.error_message()};
    }
    return Parse(in, response);
  }

 private:
  static Status Parse(const grpc::ByteBuffer& in, google::protobuf::Message& response) {
    grpc::Slice whole;
    if (!in.DumpToSingleSlice(&whole).ok() ||
        !response.ParseFromArray(whole.begin(), static_cast<int>(whole.size()))) {
      return Internal("the server's answer cannot be read; is it a signet or SPIRE server?");
    }
    return {};
  }

  grpc::GenericStub stub_;
};

}  // namespace

Result<std::unique_ptr<ServerApi>> ConnectServer(const std::string& socket_path) {
  SIGNET_TRY(config::ProbeSocket(socket_path, "signet-server"));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return std::unique_ptr<ServerApi>(std::make_unique<GrpcApi>(grpc::CreateCustomChannel(
      "unix:" + socket_path, grpc::InsecureChannelCredentials(), arguments)));
}

}  // namespace signet::ca_cmd
