#include "core/rpc/connection_watch.h"

#include <algorithm>

namespace signet::rpc {
namespace {

using Action = ConnectionVerdict::Action;
// Between the two GOAWAYs: the answer to a PING, as calls that were under way have arrived
// then (RFC 9113 §6.8), or this long.
constexpr Duration kConcludeAfter = std::chrono::seconds(1);

/// Judge collects the verdict: the first rule that is due wins, the others say when they will be.
class Judge {
 public:
  explicit Judge(MonoTime now) : now_(now) {}
  void Rule(MonoTime due, Action action, const char* reason) {
    if (due > now_) {
      verdict_.next = std::min(verdict_.next, due);
    } else if (verdict_.action == Action::kNone) {
      verdict_.action = action;
      verdict_.reason = reason;
    }
  }
  ConnectionVerdict verdict() const { return verdict_; }

 private:
  MonoTime now_;
  ConnectionVerdict verdict_;
};

void JudgeSilence(Judge& judge, const ConnectionFacts& facts, const Limits& limits) {
  const Duration patience = limits.keepalive_time + limits.keepalive_timeout;
  if (facts.stalled_since) {
    judge.Rule(*facts.stalled_since + patience, Action::kClose, "answers are not read");
  }
  if (facts.ping_sent && *facts.ping_sent >= facts.last_read) {
    judge.Rule(*facts.ping_sent + limits.keepalive_timeout, Action::kClose, "no answer to PING");
  } else if (!facts.stalled_since) {
    judge.Rule(facts.last_read + limits.keepalive_time, Action::kPing, "silence");
  }
}

void JudgeAge(Judge& judge, const ConnectionFacts& facts, const Limits& limits) {
  if (facts.concluded) {
    judge.Rule(*facts.concluded + limits.max_connection_age_grace, Action::kClose, "grace is over");
  } else if (facts.announced) {
    const Duration wait = facts.announce_seen ? Duration::zero() : kConcludeAfter;
    judge.Rule(*facts.announced + wait, Action::kConclude, "going away");
  } else if (facts.age_limit > Duration::zero()) {
    judge.Rule(facts.accepted + facts.age_limit, Action::kAnnounce, "connection age");
  }
}

}  // namespace

ConnectionVerdict JudgeConnection(const ConnectionFacts& facts, const Limits& limits,
                                  MonoTime now) {
  Judge judge(now);
  if (!facts.ready) {
    judge.Rule(facts.accepted + limits.handshake_timeout, Action::kClose,
               "handshake took too long");
    return judge.verdict();
  }
  if (facts.unfinished_since) {
    judge.Rule(*facts.unfinished_since + limits.header_timeout, Action::kClose,
               "request came too slowly");
  }
  if (!facts.had_calls) {
    judge.Rule(facts.accepted + limits.first_call_timeout, Action::kClose, "no call was made");
  } else if (facts.open_calls == 0) {
    judge.Rule(facts.last_call_end + limits.idle_timeout, Action::kClose, "idle");
  }
  JudgeSilence(judge, facts, limits);
  JudgeAge(judge, facts, limits);
  return judge.verdict();
}

}  // namespace signet::rpc
