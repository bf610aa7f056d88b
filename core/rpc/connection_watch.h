#pragma once

#include <optional>

#include "core/rpc/server.h"

namespace signet::rpc {

/// ConnectionFacts is what the passing of time is judged by.
struct ConnectionFacts {
  MonoTime accepted;
  MonoTime last_read;
  MonoTime last_call_end;
  bool ready = false;  ///< TLS, preface and SETTINGS ACK are done
  bool had_calls = false;
  std::size_t open_calls = 0;
  std::optional<MonoTime> unfinished_since;  ///< frame, header block or message
  std::optional<MonoTime> ping_sent;         ///< and not answered
  std::optional<MonoTime> stalled_since;     ///< the peer does not read
  std::optional<MonoTime> announced;         ///< first GOAWAY, with a PING
  bool announce_seen = false;                ///< the PING was answered
  std::optional<MonoTime> concluded;         ///< second GOAWAY
  Duration age_limit{};                      ///< with jitter; 0: none
};

/// ConnectionVerdict is what to do now and when to ask again at the latest.
struct ConnectionVerdict {
  enum class Action { kNone, kPing, kAnnounce, kConclude, kClose };
  Action action = Action::kNone;
  const char* reason = "";
  MonoTime next = MonoTime::max();
};

/// JudgeConnection applies the time limits. Pure.
ConnectionVerdict JudgeConnection(const ConnectionFacts& facts, const Limits& limits, MonoTime now);

}  // namespace signet::rpc
