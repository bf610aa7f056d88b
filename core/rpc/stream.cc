#include "core/rpc/stream.h"

#include <algorithm>

#include "core/rpc/http2_connection.h"

namespace signet::rpc {

Stream::Stream(Http2Connection& connection, std::shared_ptr<ConnectionShared> shared,
               std::shared_ptr<Slot> slot, std::int32_t id)
    : connection_(&connection), id_(id), shared_(std::move(shared)), slot_(std::move(slot)) {}

Stream::~Stream() = default;

void Stream::Schedule() {
  if (!scheduled_) {
    scheduled_ = true;
    shared_->loop->Post(shared_from_this());
  }
}

void Stream::SendInitialMetadata(Metadata metadata) {
  const std::lock_guard lock(mutex_);
  if (!finished_ && !detached_) {
    initial_ = std::move(metadata);
    Schedule();
  }
}

bool Stream::Charge(std::size_t n) {
  // One message is let in below the limit, whatever its size: an answer may be larger than what may
  // pile up.
  if (shared_->pending.load(std::memory_order_relaxed) >= shared_->max_pending ||
      !slot_->ReserveBytes(n)) {
    return false;
  }
  shared_->pending.fetch_add(n, std::memory_order_relaxed);
  return true;
}

void Stream::Refund(const Outgoing& item) {
  if (item.charged) {
    shared_->pending.fetch_sub(item.size(), std::memory_order_relaxed);
    slot_->ReleaseBytes(item.size());
  }
}

void Stream::Queue(Outgoing item) {
  queued_ += item.size();
  outbox_.push_back(std::move(item));
  Schedule();
}

void Stream::Write(std::shared_ptr<const std::string> message) {
  const std::lock_guard lock(mutex_);
  if (finished_ || detached_) {
    return;
  }
  Outgoing item{.message = std::move(message)};
  AppendPrefix(item.prefix, item.message->size());
  item.charged = Charge(item.size());
  if (!item.charged) {
    AbortLocked({Code::kResourceExhausted, "answers are not read; too many bytes are waiting"});
    return;
  }
  Queue(std::move(item));
}

void Stream::WriteLatest(std::shared_ptr<const std::string> message) {
  const std::lock_guard lock(mutex_);
  if (finished_ || detached_) {
    return;
  }
  Outgoing item{.message = std::move(message), .latest = true};
  AppendPrefix(item.prefix, item.message->size());
  for (std::size_t i = head_; i < outbox_.size(); ++i) {
    const bool begun = i == head_ && offset_ > 0;
    if (outbox_[i].latest && !begun) {
      queued_ += item.size() - outbox_[i].size();
      outbox_[i] = std::move(item);
      return;
    }
  }
  Queue(std::move(item));
}

void Stream::WriteRaw(std::string text) {
  const std::lock_guard lock(mutex_);
  Queue({.message = std::make_shared<const std::string>(std::move(text))});
}

void Stream::Finish(RpcStatus status, Metadata trailers) {
  const std::lock_guard lock(mutex_);
  if (finished_ || detached_) {
    return;
  }
  finished_ = true;
  status_ = std::move(status);
  trailers_ = std::move(trailers);
  Schedule();
}

void Stream::Abort(RpcStatus status) {
  const std::lock_guard lock(mutex_);
  AbortLocked(std::move(status));
}

void Stream::AbortLocked(RpcStatus status) {
  if (aborted_ || detached_) {
    return;
  }
  finished_ = true;
  aborted_ = true;
  status_ = std::move(status);
  trailers_ = {};
  ClearOutbox();
  Schedule();
}

void Stream::ClearOutbox() {
  for (std::size_t i = head_; i < outbox_.size(); ++i) {
    Refund(outbox_[i]);
  }
  outbox_ = {};
  head_ = offset_ = queued_ = 0;
}

std::size_t Stream::queued_bytes() const {
  const std::lock_guard lock(mutex_);
  return queued_;
}

bool Stream::over() const {
  const std::lock_guard lock(mutex_);
  return finished_ || detached_;
}

void Stream::RunTask() {
  {
    const std::lock_guard lock(mutex_);
    scheduled_ = false;
  }
  if (connection_ != nullptr) {
    connection_->Serve(*this);
  }
}

void Stream::OnTimer(MonoTime) { Abort({Code::kDeadlineExceeded, "deadline exceeded"}); }

void Stream::Detach() {
  {
    const std::lock_guard lock(mutex_);
    detached_ = true;
    ClearOutbox();
  }
  connection_ = nullptr;
  Done();
}

void Stream::Done() {
  if (const std::unique_ptr<CallHandler> handler = std::move(state.handler)) {
    handler->OnDone();
  }
}

Stream::Outlook Stream::Look() const {
  const std::lock_guard lock(mutex_);
  return {.bytes = queued_, .finished = finished_, .aborted = aborted_};
}

std::optional<Metadata> Stream::TakeInitial() {
  const std::lock_guard lock(mutex_);
  return std::exchange(initial_, std::nullopt);
}

std::pair<RpcStatus, Metadata> Stream::TakeEnd() {
  const std::lock_guard lock(mutex_);
  return {std::exchange(status_, {}), std::exchange(trailers_, {})};
}

bool Stream::Take(std::size_t n, std::string& out) {
  const std::lock_guard lock(mutex_);
  n = std::min(n, queued_);
  queued_ -= n;
  while (n > 0) {
    Outgoing& item = outbox_[head_];
    if (offset_ < item.prefix.size()) {
      const std::size_t part = std::min(n, item.prefix.size() - offset_);
      out.append(item.prefix, offset_, part);
      offset_ += part;
      n -= part;
    }
    const std::size_t begin = offset_ - item.prefix.size();
    if (offset_ >= item.prefix.size()) {
      const std::size_t part = std::min(n, item.message->size() - begin);
      out.append(*item.message, begin, part);
      offset_ += part;
      n -= part;
    }
    if (offset_ == item.size()) {
      Refund(item);
      item.message.reset();
      offset_ = 0;
      ++head_;
    }
  }
  if (head_ < outbox_.size()) {
    return false;
  }
  outbox_ = {};
  head_ = 0;
  return true;
}

}  // namespace signet::rpc
