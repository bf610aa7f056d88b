#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/rpc/call.h"

namespace signet::test {

/// FakeCall records what a handler answers; safe for several threads, as a Call is.
class FakeCall final : public rpc::Call {
 public:
  explicit FakeCall(rpc::CallInfo info) : info_(std::move(info)) {}

  const rpc::CallInfo& info() const override { return info_; }
  void SendInitialMetadata(rpc::Metadata) override {}
  void Write(std::shared_ptr<const std::string> message) override {
    const std::lock_guard lock(mutex_);
    if (!status_) {
      messages_.push_back(*message);
    }
    changed_.notify_all();
  }
  void WriteLatest(std::shared_ptr<const std::string> message) override {
    Write(std::move(message));
  }
  void Finish(rpc::RpcStatus status, rpc::Metadata) override {
    const std::lock_guard lock(mutex_);
    if (!status_) {
      status_ = std::move(status);
    }
    changed_.notify_all();
  }
  std::size_t queued_bytes() const override { return unread; }
  bool over() const override {
    const std::lock_guard lock(mutex_);
    return status_.has_value();
  }

  std::atomic<std::size_t> unread = 0;  ///< what queued_bytes answers

  /// WaitFinished waits for the pool and gives the status; without one in 20 s it is UNKNOWN.
  rpc::RpcStatus WaitFinished() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [this] { return status_.has_value(); });
    return status_.value_or(rpc::RpcStatus{Code::kUnknown, "the call was not finished"});
  }
  /// WaitMessages waits until so many messages were written and gives all.
  std::vector<std::string> WaitMessages(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20),
                      [&] { return messages_.size() >= count || status_.has_value(); });
    return messages_;
  }

 private:
  const rpc::CallInfo info_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> messages_;
  std::optional<rpc::RpcStatus> status_;
};

}  // namespace signet::test
