#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "kubelet/pods.grpc.pb.h"

namespace signet::kubelet::test {

/// FakeKubelet serves the Pods API on a socket as the kubelet does: to each watcher its pods, the
/// mark that they are all, and from then on what is sent.
class FakeKubelet final : public v1alpha1::Pods::Service {
 public:
  /// `pods` are v1.Pods in protobuf form.
  explicit FakeKubelet(const std::string& socket, std::vector<std::string> pods = {})
      : pods_(std::move(pods)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    SIGNET_CHECK(server_ != nullptr, "the fake kubelet cannot listen");
  }
  ~FakeKubelet() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      changed_.notify_all();
    }
    server_->Shutdown();
  }
  FakeKubelet(const FakeKubelet&) = delete;
  FakeKubelet& operator=(const FakeKubelet&) = delete;

  /// Send tells the one watcher there is.
  void Send(v1alpha1::EventType type, const std::string& pod) {
    const std::lock_guard lock(mutex_);
    later_.emplace_back();
    later_.back().set_type(type);
    later_.back().set_pod(pod);
    changed_.notify_all();
  }
  void SetReady(bool ready) {
    const std::lock_guard lock(mutex_);
    ready_ = ready;
  }

 private:
  using Writer = grpc::ServerWriter<v1alpha1::WatchPodsEvent>;

  grpc::Status WatchPods(grpc::ServerContext* context, const v1alpha1::WatchPodsRequest*,
                         Writer* writer) override {
    std::unique_lock lock(mutex_);
    if (!ready_) {
      return {grpc::StatusCode::FAILED_PRECONDITION, "Kubelet is initializing"};
    }
    v1alpha1::WatchPodsEvent event;
    event.set_type(v1alpha1::ADDED);
    for (const std::string& pod : pods_) {
      event.set_pod(pod);
      writer->Write(event);
    }
    event.Clear();
    event.set_type(v1alpha1::INITIAL_SYNC_COMPLETE);
    writer->Write(event);
    while (!ending_ && !context->IsCancelled()) {
      for (const v1alpha1::WatchPodsEvent& later : later_) {
        writer->Write(later);
      }
      later_.clear();
      changed_.wait_for(lock, std::chrono::milliseconds(10));  // cancelled calls wake nobody
    }
    return grpc::Status::OK;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::vector<std::string> pods_;
  std::vector<v1alpha1::WatchPodsEvent> later_;
  bool ready_ = true;
  bool ending_ = false;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace signet::kubelet::test
