#include "core/rpc/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace signet::rpc {
namespace {

// A turn's bounds: the cost of small frames is some µs each, so 16 kB keep one connection below a
// millisecond or two.
constexpr std::size_t kReadPerTurn = 16 * 1024;
constexpr std::size_t kSendPerTurn = 256 * 1024;
constexpr std::size_t kProduceAtOnce = 48 * 1024;
constexpr double kAgeSpread = 0.1;
constexpr Duration kLinger = std::chrono::seconds(1);
constexpr std::size_t kDiscardAtMost = 256 * 1024;

Duration AgeWithJitter(Duration age, double jitter) {
  const double factor = 1 - kAgeSpread + 2 * kAgeSpread * jitter;
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double, std::nano>(static_cast<double>(age.count()) * factor));
}

}  // namespace

Connection::Connection(Setup setup)
    : loop_(*setup.loop),
      service_(std::move(setup.service)),
      logger_(setup.logger),
      transport_(std::move(setup.transport)),
      peer_(std::move(setup.peer)),
      peer_key_(std::move(setup.peer_key)),
      slot_(std::move(setup.slot)),
      gauges_(std::move(setup.gauges)),
      on_closed_(std::move(setup.on_closed)),
      accepted_(loop_.now()),
      last_read_(loop_.now()),
      age_limit_(AgeWithJitter(service_->limits.max_connection_age, setup.jitter)) {
  gauges_->connections_open.fetch_add(1, std::memory_order_relaxed);
}

Connection::~Connection() {
  if (!closed_) {
    closed_ = true;
    loop_.Remove(transport_->fd(), *this);
  }
  loop_.timers().Cancel(*this);
  http2_.reset();
  gauges_->connections_open.fetch_sub(1, std::memory_order_relaxed);
}

Status Connection::Start() {
  watched_ = EPOLLIN;
  SIGNET_TRY(loop_.Add(transport_->fd(), *this, watched_));
  loop_.SetShare(*this, peer_key_);
  if (Handshake()) {
    StartHttp2();
  }
  WatchTime();
  return {};
}

bool Connection::Handshake() {
  switch (transport_->Continue()) {
    case Transport::Handshake::kDone:
      transport_->AddTo(*peer_);
      return true;
    case Transport::Handshake::kWantRead:
      handshake_wants_write_ = false;
      break;
    case Transport::Handshake::kWantWrite:
      handshake_wants_write_ = true;
      break;
    case Transport::Handshake::kFailed:
      Close(transport_->error());
      return false;
  }
  Watch();
  return false;
}

void Connection::StartHttp2() {
  handshake_wants_write_ = false;
  http2_ = std::make_unique<Http2Connection>(Http2Connection::Setup{.service = service_.get(),
                                                                    .loop = &loop_,
                                                                    .source = this,
                                                                    .peer = peer_,
                                                                    .slot = slot_,
                                                                    .gauges = gauges_});
}

void Connection::OnEvents(std::uint32_t events) {
  if (discarded_) {
    return Discard();
  }
  if (http2_ == nullptr) {
    if (!Handshake()) {
      return;
    }
    StartHttp2();
  }
  if ((events & (EPOLLERR | EPOLLHUP)) != 0 && !backlog_.empty()) {
    return Close("connection lost");
  }
  if ((events & EPOLLOUT) != 0) {
    loop_.RequestFlush(*this);
  }
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 && backlog_.empty()) {
    ReadSome();
  }
}

void Connection::ReadSome() {
  std::string& buffer = loop_.scratch();
  buffer.resize(kReadPerTurn);
  const IoResult got = transport_->Read({buffer.data(), buffer.size()});
  more_to_read_ = got.more;
  if (got.kind == IoResult::Kind::kWouldBlock) {
    return;
  }
  if (got.kind == IoResult::Kind::kClosed) {
    return Close("closed by the peer");
  }
  last_read_ = loop_.now();
  if (!broken_) {
    broken_ = !http2_->Receive(AsBytes(std::string_view(buffer).substr(0, got.bytes)));
  }
}

/// Send writes what the socket takes and keeps the rest as backlog; false if the connection is
/// gone.
bool Connection::Send(std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const IoResult put = transport_->Write(std::string_view(bytes).substr(done));
    if (put.kind == IoResult::Kind::kClosed) {
      Close("connection lost");
      return false;
    }
    if (put.kind == IoResult::Kind::kWouldBlock) {
      break;
    }
    done += put.bytes;
    stalled_since_.reset();
  }
  if (done < bytes.size() && !stalled_since_) {
    stalled_since_ = loop_.now();
  }
  if (&bytes == &backlog_) {
    backlog_.erase(0, done);
  } else {
    backlog_.assign(bytes, done, std::string::npos);
  }
  return true;
}

bool Connection::WriteBacklog() {
  if (!backlog_.empty() && !Send(backlog_)) {
    return false;
  }
  if (backlog_.empty()) {
    backlog_ = {};  // an idle connection owns no buffer
  }
  return backlog_.empty();
}

void Connection::Flush() {
  if (http2_ == nullptr || closed_ || discarded_) {
    return;
  }
  more_to_send_ = false;
  if (WriteBacklog()) {
    std::string& out = loop_.scratch();
    std::size_t sent = 0;
    do {
      out.clear();
      more_to_send_ = http2_->Produce(out, kProduceAtOnce);
      sent += out.size();
      if (!Send(out)) {
        return;
      }
    } while (more_to_send_ && backlog_.empty() && sent < kSendPerTurn);
  }
  if (closed_) {
    return;
  }
  if (backlog_.empty() && !more_to_send_ && (broken_ || http2_->done())) {
    return Linger();
  }
  if (more_to_read_ && backlog_.empty()) {
    more_to_read_ = false;
    ReadSome();
    if (closed_) {
      return;
    }
    loop_.RequestFlush(*this);
  }
  Watch();
  WatchTime();
}

/// Linger lets the last frames arrive: closing a socket with unread bytes would make the kernel
/// send a reset, which may overtake the GOAWAY that says what was wrong.
void Connection::Linger() {
  discarded_ = 0;
  http2_->DropCalls();
  transport_->EndWriting();
  Watch();
  loop_.timers().Arm(*this, loop_.now() + kLinger);
}

void Connection::Discard() {
  std::string& buffer = loop_.scratch();
  buffer.resize(kReadPerTurn);
  const ssize_t n = ::recv(transport_->fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  *discarded_ += n > 0 ? static_cast<std::size_t>(n) : 0;
  const bool waits = n < 0 && (errno == EAGAIN || errno == EINTR);
  if ((n <= 0 && !waits) || *discarded_ > kDiscardAtMost) {
    Close(http2_->close_reason().empty() ? "finished" : http2_->close_reason());
  }
}

void Connection::Watch() {
  if (closed_) {
    return;
  }
  std::uint32_t wanted = 0;
  if (http2_ == nullptr) {
    wanted = handshake_wants_write_ ? EPOLLOUT : EPOLLIN;
  } else if (!backlog_.empty()) {
    wanted = EPOLLOUT;  // no reading: what is read makes more answers
  } else {
    wanted = more_to_send_ ? EPOLLIN | EPOLLOUT : EPOLLIN;
  }
  if (wanted != watched_) {
    watched_ = wanted;
    loop_.Modify(transport_->fd(), *this, wanted);
  }
}

ConnectionFacts Connection::Facts() const {
  ConnectionFacts facts;
  facts.accepted = accepted_;
  facts.last_read = last_read_;
  facts.ping_sent = ping_sent_;
  facts.stalled_since = stalled_since_;
  facts.announced = announced_;
  facts.concluded = concluded_;
  facts.age_limit = age_limit_;
  if (http2_ != nullptr) {
    facts.ready = http2_->settings_acked();
    facts.announce_seen = announced_ && http2_->ping_acked();
    facts.had_calls = http2_->had_calls();
    facts.open_calls = http2_->open_calls();
    facts.last_call_end = http2_->last_call_end();
    facts.unfinished_since = http2_->unfinished_since();
  }
  return facts;
}

void Connection::WatchTime() {
  const ConnectionVerdict verdict = JudgeConnection(Facts(), service_->limits, loop_.now());
  const MonoTime due =
      verdict.action == ConnectionVerdict::Action::kNone ? verdict.next : loop_.now();
  if (!closed_ && !discarded_ && due != MonoTime::max() && (!armed() || due < when())) {
    loop_.timers().Arm(*this, due);
  }
}

void Connection::OnTimer(MonoTime now) {
  if (discarded_) {
    return Close(http2_->close_reason().empty() ? "finished" : http2_->close_reason());
  }
  Act(JudgeConnection(Facts(), service_->limits, now));
  if (!closed_) {
    WatchTime();
  }
}

void Connection::Act(const ConnectionVerdict& verdict) {
  switch (verdict.action) {
    case ConnectionVerdict::Action::kNone:
      return;
    case ConnectionVerdict::Action::kPing:
      ping_sent_ = loop_.now();
      return http2_->Ping();
    case ConnectionVerdict::Action::kAnnounce:
      return GoAway();
    case ConnectionVerdict::Action::kConclude:
      concluded_ = loop_.now();
      return http2_->Conclude();
    case ConnectionVerdict::Action::kClose:
      return Close(verdict.reason);
  }
}

void Connection::GoAway() {
  if (discarded_) {
    return;
  }
  if (http2_ == nullptr) {
    return Close("server is shutting down");
  }
  if (!announced_) {
    announced_ = loop_.now();
    http2_->Announce();
    WatchTime();
  }
}

void Connection::Cancel(const RpcStatus& status) {
  if (discarded_) {
    return;
  }
  if (http2_ == nullptr) {
    return Close(status.message);
  }
  http2_->CancelCalls(status);
  http2_->Conclude();
}

void Connection::Close(std::string_view reason) {
  if (std::exchange(closed_, true)) {
    return;
  }
  if (logger_ != nullptr) {
    logger_->Debug("connection closed", {{"peer", peer_key_}, {"reason", reason}});
  }
  loop_.Remove(transport_->fd(), *this);
  loop_.timers().Cancel(*this);
  on_closed_(*this);
}

}  // namespace signet::rpc
