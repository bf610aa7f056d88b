#include "core/rpc/connection_watch.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::rpc;
using namespace std::chrono_literals;
using Action = ConnectionVerdict::Action;

namespace {

const MonoTime kStart{1h};

ConnectionFacts Ready() {
  ConnectionFacts facts;
  facts.accepted = facts.last_read = facts.last_call_end = kStart;
  facts.ready = true;
  facts.had_calls = true;
  facts.open_calls = 1;
  return facts;
}

Action At(const ConnectionFacts& facts, Duration after) {
  return JudgeConnection(facts, Limits{}, kStart + after).action;
}

}  // namespace

TEST_CASE("each time limit closes a connection when it is due and not before") {
  ConnectionFacts handshake = Ready();
  handshake.ready = false;
  ConnectionFacts callless = Ready();
  callless.had_calls = false;
  callless.open_calls = 0;
  ConnectionFacts slow = Ready();
  slow.unfinished_since = kStart;
  ConnectionFacts mute = Ready();
  mute.ping_sent = kStart;
  ConnectionFacts unread = Ready();
  unread.stalled_since = kStart;
  ConnectionFacts leaving = Ready();
  leaving.announced = leaving.concluded = kStart;
  const struct {
    const char* name;
    ConnectionFacts facts;
    Duration due;
  } rows[] = {{"handshake", handshake, 5s},    {"no call", callless, 10s},
              {"slow request", slow, 10s},     {"no PING answer", mute, 20s},
              {"unread answers", unread, 80s}, {"grace", leaving, 30s}};
  for (const auto& row : rows) {
    INFO(row.name);
    CHECK(At(row.facts, row.due - 1ns) != Action::kClose);
    CHECK(At(row.facts, row.due) == Action::kClose);
    CHECK(JudgeConnection(row.facts, Limits{}, kStart).next <= kStart + row.due);
  }
}

TEST_CASE("a connection without calls ends after the idle time, one with calls does not") {
  ConnectionFacts idle = Ready();
  idle.open_calls = 0;
  idle.last_read = kStart + 299s;
  CHECK(At(idle, 300s - 1ns) == Action::kNone);
  CHECK(At(idle, 300s) == Action::kClose);
  idle.open_calls = 1;
  CHECK(At(idle, 300s) == Action::kNone);
}

TEST_CASE("silence is met with a PING, and an answer starts the time anew") {
  ConnectionFacts facts = Ready();
  CHECK(At(facts, 60s - 1ns) == Action::kNone);
  CHECK(At(facts, 60s) == Action::kPing);
  facts.ping_sent = kStart + 60s;
  CHECK(At(facts, 61s) == Action::kNone);
  facts.last_read = kStart + 62s;
  CHECK(At(facts, 90s) == Action::kNone);
  CHECK(At(facts, 122s) == Action::kPing);
}

TEST_CASE("age leads to two GOAWAYs, then to the end") {
  ConnectionFacts facts = Ready();
  facts.age_limit = 30s;
  CHECK(At(facts, 30s - 1ns) == Action::kNone);
  CHECK(At(facts, 30s) == Action::kAnnounce);
  facts.announced = kStart + 30s;
  CHECK(At(facts, 31s - 1ns) == Action::kNone);
  CHECK(At(facts, 31s) == Action::kConclude);
}
