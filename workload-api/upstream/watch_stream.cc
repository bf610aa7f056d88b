#include "workload-api/upstream/watch_stream.h"

#include <utility>

namespace signet::upstream {

namespace changes_v1 = signet::api::server::v1;

WatchStream::Request WatchStream::RequestOf(const std::vector<std::string>& authority_ids) {
  Request request;
  for (const std::string& id : authority_ids) {
    request.add_x509_authority_ids(id);
  }
  return request;
}

WatchStream::WatchStream(const std::shared_ptr<grpc::Channel>& channel,
                         const std::vector<std::string>& authority_ids,
                         std::function<void()> on_change)
    : on_change_(std::move(on_change)),
      stub_(changes_v1::Changes::NewStub(channel)),
      request_(RequestOf(authority_ids)) {
  stub_->async()->Watch(&context_, this);
  AddHold();  // writes may start outside of a reaction, as long as reading goes on
  StartWrite(&request_);
  StartRead(&response_);
  StartCall();
}

WatchStream::~WatchStream() {
  context_.TryCancel();
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return done_; });
}

manager::WatchState WatchStream::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

manager::ServerState WatchStream::server_state() const {
  const std::lock_guard lock(mutex_);
  return server_;
}

void WatchStream::Acknowledge(const std::vector<std::string>& authority_ids) {
  const std::lock_guard lock(mutex_);
  if (!reading_) {
    return;
  }
  if (writing_) {
    next_ = RequestOf(authority_ids);
    return;
  }
  writing_ = true;
  request_ = RequestOf(authority_ids);
  StartWrite(&request_);
}

void WatchStream::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  if (!ok || !reading_ || !next_) {
    return;
  }
  writing_ = true;
  request_ = std::move(*next_);
  next_.reset();
  StartWrite(&request_);
}

void WatchStream::OnReadDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    if (!ok) {
      reading_ = false;
      RemoveHold();
      return;
    }
    state_ = manager::WatchState::kOpen;
    server_ = {response_.revision(), response_.bundle_sequence()};
  }
  on_change_();
  StartRead(&response_);
}

void WatchStream::OnDone(const grpc::Status& status) {
  on_change_();  // before done_ is set: afterwards the object may be gone
  const std::lock_guard lock(mutex_);
  state_ = status.error_code() == grpc::StatusCode::UNIMPLEMENTED
               ? manager::WatchState::kUnsupported
               : manager::WatchState::kClosed;
  done_ = true;
  ended_.notify_all();
}

}  // namespace signet::upstream
