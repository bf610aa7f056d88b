#include "workload-api/authorizer/connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace signet::authorizer {
namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr Duration kRequestTime = std::chrono::seconds(5);
constexpr Duration kIdleTime = std::chrono::seconds(90);
// A whole head and what one read can bring behind it.
constexpr std::size_t kMaxKeptBytes = kMaxHeadBytes + kReadBytes;

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

Connection::Connection(Setup setup)
    : loop_(*setup.loop),
      handler_(*setup.handler),
      socket_(std::move(setup.socket)),
      caller_(setup.caller),
      slot_(std::move(setup.slot)),
      on_closed_(std::move(setup.on_closed)) {}

Connection::~Connection() { slot_->ReleaseBytes(reserved_); }

Status Connection::Start(const std::string& peer_key) {
  watched_ = EPOLLIN;
  SIGNET_TRY(loop_.Add(socket_.get(), *this, watched_));
  loop_.SetShare(*this, peer_key);
  Arm(kRequestTime);
  return {};
}

void Connection::OnEvents(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) {
    return Close();
  }
  return out_.empty() ? Receive() : Proceed();
}

void Connection::OnTimer(MonoTime) { Close(); }

void Connection::Flush() {
  AnswerKept();
  Proceed();
}

/// A request that comes in one piece is answered from the loop's scratch and never copied.
void Connection::Receive() {
  std::string& scratch = loop_.scratch();
  scratch.resize(kReadBytes);
  const ssize_t n = ::recv(socket_.get(), scratch.data(), scratch.size(), 0);
  if (n <= 0) {
    return n < 0 && WouldBlock() ? void() : Close();
  }
  const std::string_view fresh(scratch.data(), static_cast<std::size_t>(n));
  if (std::exchange(between_, false)) {
    Arm(kRequestTime);
  }
  const bool first = in_.empty();
  if (!Keep(first ? fresh.substr(Answer(fresh, 0)) : fresh)) {
    return Close();
  }
  if (!first) {
    AnswerKept();
  }
  Proceed();
}

/// Keep appends to in_, within what one connection and one user may hold.
bool Connection::Keep(std::string_view bytes) {
  in_.erase(0, std::exchange(used_, 0));
  const std::size_t size = in_.size() + bytes.size();
  if (size > reserved_) {
    if (size > kMaxKeptBytes || !slot_->ReserveBytes(size - reserved_)) {
      return false;
    }
    reserved_ = size;
  }
  in_.append(bytes);
  return true;
}

/// Answer answers the first request of the text, if it is whole, and gives its length.
std::size_t Connection::Answer(std::string_view text, std::size_t seen) {
  const ParsedHead parsed = ParseHead(text, seen);
  if (parsed.state == ParsedHead::State::kIncomplete) {
    return 0;
  }
  const bool good = parsed.state == ParsedHead::State::kComplete;
  const Verdict verdict = good ? handler_.Handle(parsed.head, caller_)
                               : Verdict{.status = 400, .reason = parsed.problem};
  closing_ = !good || !parsed.head.keep_alive;
  out_ = Write(verdict, !closing_);
  between_ = true;
  Arm(kRequestTime);
  return closing_ ? text.size() : parsed.head.bytes;
}

void Connection::AnswerKept() {
  const std::string_view rest = std::string_view(in_).substr(used_);
  const std::size_t length = Answer(rest, seen_);
  used_ += length;
  seen_ = length == 0 ? rest.size() : 0;
}

/// Proceed sends the answer, if there is one, and decides what to wait for. While an answer or a
/// whole request waits nothing is read, so that nothing piles up.
void Connection::Proceed() {
  const bool answering = !out_.empty();
  if (!Send()) {
    return Close();
  }
  if (!out_.empty()) {
    return Watch(EPOLLOUT);
  }
  if (closing_) {
    return Close();
  }
  const bool more = used_ < in_.size();
  if (answering && more) {
    loop_.RequestFlush(*this);  // the next request of a pipeline, in its turn
    return Watch(0);
  }
  if (answering) {
    Arm(kIdleTime);
  }
  if (!more) {
    DropKept();
  }
  Watch(EPOLLIN);
}

/// Send writes what it can; false: the peer has gone.
bool Connection::Send() {
  if (out_.empty()) {
    return true;
  }
  const ssize_t n = ::send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
  if (n < 0) {
    return WouldBlock();
  }
  out_.erase(0, static_cast<std::size_t>(n));
  if (out_.empty()) {
    std::string().swap(out_);
  }
  return true;
}

void Connection::DropKept() {
  slot_->ReleaseBytes(std::exchange(reserved_, 0));
  std::string().swap(in_);
  used_ = 0;
  seen_ = 0;
}

void Connection::Watch(std::uint32_t events) {
  if (std::exchange(watched_, events) != events) {
    loop_.Modify(socket_.get(), *this, events);
  }
}

void Connection::Arm(Duration wait) { loop_.timers().Arm(*this, loop_.now() + wait); }

void Connection::Close() {
  if (closed_) {
    return;
  }
  closed_ = true;
  loop_.timers().Cancel(*this);
  loop_.Remove(socket_.get(), *this);
  on_closed_(*this);
}

}  // namespace signet::authorizer
