#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "signet/api/server/v1/changes.grpc.pb.h"
#include "workload-api/manager/upstream.h"

namespace signet::upstream {

/// WatchStream is one Changes.Watch call. It needs no thread of its own and never blocks; the
/// destructor cancels it and waits for its end.
class WatchStream final : public grpc::ClientBidiReactor<signet::api::server::v1::WatchRequest,
                                                         signet::api::server::v1::WatchResponse> {
 public:
  WatchStream(const std::shared_ptr<grpc::Channel>& channel,
              const std::vector<std::string>& authority_ids, std::function<void()> on_change);
  ~WatchStream() override;

  manager::WatchState state() const;
  manager::ServerState server_state() const;
  void Acknowledge(const std::vector<std::string>& authority_ids);

 private:
  using Request = signet::api::server::v1::WatchRequest;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  static Request RequestOf(const std::vector<std::string>& authority_ids);

  const std::function<void()> on_change_;
  const std::unique_ptr<signet::api::server::v1::Changes::Stub> stub_;
  grpc::ClientContext context_;
  Request request_;  ///< being written; touched only while no write runs
  signet::api::server::v1::WatchResponse response_;  ///< being read

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  manager::WatchState state_ = manager::WatchState::kClosed;  ///< open once the server has answered
  bool reading_ = true;
  bool writing_ = true;
  bool done_ = false;
  std::optional<Request> next_;
  manager::ServerState server_;
};

}  // namespace signet::upstream
