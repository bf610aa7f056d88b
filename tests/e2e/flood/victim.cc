#include "tests/e2e/flood/victim.h"

#include <algorithm>
#include <thread>
#include <vector>

namespace signet::flood {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPatience{5000};
constexpr milliseconds kPause{10};
constexpr std::uint64_t kFreshEvery = 20;

/// Client makes one call at a time on one connection.
class Client {
 public:
  explicit Client(const Target& target) : target_(target) {}

  /// CallOnce returns why the call failed, or nothing.
  std::string CallOnce() {
    if (connection_ == nullptr) {
      std::string why;
      connection_ = Connection::Open(target_, kPatience, &why);
      if (connection_ == nullptr) {
        return Lost("no connection, " + why);
      }
      if (!connection_->Send(Preface() + WindowUpdate(), kPatience)) {
        return Lost("connection gone at the preface");
      }
    }
    stream_ = next_stream_;
    next_stream_ += 2;
    if (!connection_->Send(Call(target_, stream_, ""), kPatience)) {
      return Lost("connection gone while sending");
    }
    return Await();
  }

 private:
  std::string Lost(std::string why) {
    connection_.reset();
    received_.clear();
    next_stream_ = 1;
    return why;
  }

  /// Await reads until the answer's message is here; a stream that goes on after it is reset.
  std::string Await() {
    const auto end = steady_clock::now() + kPatience;
    while (steady_clock::now() < end) {
      while (auto frame = CutFrame(&received_)) {
        Acknowledge(*frame);
        if (frame->stream != stream_) {
          continue;
        }
        if (frame->type == kData && frame->payload.size() >= 5) {
          answered_ = true;
        }
        if (answered_ && target_.streaming) {
          answered_ = false;
          return connection_->Send(Reset(stream_), kPatience) ? "" : Lost("connection gone");
        }
        const bool ended =
            (frame->flags & kEndStream) != 0 && (frame->type == kData || frame->type == kHeaders);
        if (ended || frame->type == kReset) {
          return std::exchange(answered_, false) ? "" : "answer without a message";
        }
      }
      if (!connection_->Receive(&received_, milliseconds(100))) {
        return Lost("connection gone while waiting");
      }
    }
    return Lost("no answer in time");
  }

  void Acknowledge(const ReceivedFrame& frame) {
    if ((frame.type == kSettings || frame.type == kPing) && (frame.flags & kAck) == 0) {
      const std::string payload = frame.type == kPing ? frame.payload : "";
      connection_->Send(Frame(static_cast<FrameType>(frame.type), kAck, 0, payload), kPatience);
    }
  }

  const Target& target_;
  std::unique_ptr<Connection> connection_;
  std::string received_;
  std::uint32_t stream_ = 1;
  std::uint32_t next_stream_ = 1;
  bool answered_ = false;
};

double Percentile(const std::vector<double>& sorted, double share) {
  return sorted.empty()
             ? 0
             : sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

Experience BeVictim(const Target& target, const std::atomic<bool>& stop) {
  Experience experience;
  std::vector<double> times;
  Client steady(target);
  while (!stop) {
    Client fresh(target);
    Client& client = ++experience.calls % kFreshEvery == 0 ? fresh : steady;
    const auto start = steady_clock::now();
    const std::string failure = client.CallOnce();
    if (stop) {
      --experience.calls;
      break;  // the signal that ends us has cut this call short: it says nothing of the server
    }
    times.push_back(std::chrono::duration<double, std::milli>(steady_clock::now() - start).count());
    if (!failure.empty()) {
      ++experience.failed;
      if (experience.first_failure.empty()) {
        experience.first_failure = failure;
      }
    }
    std::this_thread::sleep_for(kPause);
  }
  std::sort(times.begin(), times.end());
  experience.p50_ms = Percentile(times, 0.5);
  experience.p99_ms = Percentile(times, 0.99);
  experience.max_ms = times.empty() ? 0 : times.back();
  return experience;
}

}  // namespace signet::flood
