#include "ca/cmd/server_api.h"

#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>

#include "core/base/files.h"
#include "core/base/unique_fd.h"
#include "core/config/paths.h"

namespace signet::ca_cmd {
namespace {

constexpr auto kCallTimeout = std::chrono::minutes(1);
constexpr int kMaxAnswerBytes = 64 * 1024 * 1024;

Error SocketError(const std::string& path, int error) {
  if (error == ENOENT) {
    return Unavailable("there is no server socket at " + path +
                       "; is signet-server running? Name its socket with -socketPath");
  }
  if (error == ECONNREFUSED) {
    return Unavailable("nothing answers at " + path +
                       "; the server that made this socket has stopped. Start signet-server");
  }
  if (error == EACCES || error == EPERM) {
    return PermissionDenied("you may not use " + path +
                            "; run as the server's user or as a member of the socket's group");
  }
  return Unavailable("cannot connect to " + path + ": " + ErrnoText(error));
}

// ProbeSocket connects once by hand: the gRPC library tells people less than errno does.
Status ProbeSocket(const std::string& path) {
  const std::string problem = config::CheckSocketPath(path);
  if (!problem.empty()) {
    return InvalidArgument("-socketPath " + path + " " + problem);
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) {
    return SocketError(path, errno);
  }
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return SocketError(path, errno);
  }
  return {};
}

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
  SIGNET_TRY(ProbeSocket(socket_path));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return std::unique_ptr<ServerApi>(std::make_unique<GrpcApi>(grpc::CreateCustomChannel(
      "unix:" + socket_path, grpc::InsecureChannelCredentials(), arguments)));
}

}  // namespace signet::ca_cmd
