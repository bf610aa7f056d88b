#include "workload-api/kubelet/pods_client.h"

#include <grpcpp/grpcpp.h>

#include <mutex>
#include <utility>

#include "kubelet/pods.grpc.pb.h"

namespace signet::kubelet {
namespace {

constexpr int kMaxMessageBytes = 8 * 1024 * 1024;

PodEvent EventOf(const v1alpha1::WatchPodsEvent& message) {
  switch (message.type()) {
    case v1alpha1::DELETED:
      return {.kind = PodEvent::Kind::kDeleted, .pod = message.pod()};
    case v1alpha1::INITIAL_SYNC_COMPLETE:
      return {.kind = PodEvent::Kind::kSynced};
    default:
      return {.kind = PodEvent::Kind::kSet, .pod = message.pod()};
  }
}

class GrpcPodsClient final : public PodsClient {
 public:
  explicit GrpcPodsClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  Status Watch(const std::function<void(const PodEvent&)>& on_event) override {
    // A channel of its own each time: one that once failed would wait by its own back-off.
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel = grpc::CreateCustomChannel("unix:" + socket_path_,
                                                   grpc::InsecureChannelCredentials(), arguments);
    const auto stub = v1alpha1::Pods::NewStub(channel);
    grpc::ClientContext context;
    if (!Enter(&context)) {
      return Error{Code::kCancelled, "stopped"};
    }
    const auto stream = stub->WatchPods(&context, v1alpha1::WatchPodsRequest());
    v1alpha1::WatchPodsEvent message;
    while (stream->Read(&message)) {
      on_event(EventOf(message));
    }
    const grpc::Status status = stream->Finish();
    Enter(nullptr);
    if (status.ok()) {
      return {};
    }
    return Error{static_cast<Code>(status.error_code()), status.error_message()}.Context(
        socket_path_);
  }

  void Stop() override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (context_ != nullptr) {
      context_->TryCancel();
    }
  }

 private:
  bool Enter(grpc::ClientContext* context) {
    const std::lock_guard lock(mutex_);
    context_ = context;
    return !stopped_;
  }

  const std::string socket_path_;
  std::mutex mutex_;
  grpc::ClientContext* context_ = nullptr;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<PodsClient> OpenPodsClient(const std::string& socket_path) {
  return std::make_unique<GrpcPodsClient>(socket_path);
}

}  // namespace signet::kubelet
