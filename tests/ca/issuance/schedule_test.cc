#include "ca/issuance/authorities.h"
#include "tests/support/result.h"

namespace signet::issuance {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using store::AuthoritySlot;
using store::SlotStatus;

const SystemTime kBegin = FromUnixSeconds(1'790'000'000);

AuthoritySlot Slot(SlotStatus status, SystemTime begin, seconds life) {
  return {.authority_id = status == SlotStatus::kActive ? "aa" : "bb",
          .key_id = status == SlotStatus::kActive ? "x509-CA-A" : "x509-CA-B",
          .status = status,
          .certificate = {},
          .issued_at = UnixSeconds(begin),
          .activated_at = status == SlotStatus::kPrepared ? 0 : UnixSeconds(begin),
          .not_after = UnixSeconds(begin + life)};
}

ScheduleInput Input(seconds life, std::optional<SystemTime> prepared_at = {},
                    bool acknowledged = false) {
  ScheduleInput input;
  input.journal.x509.push_back(Slot(SlotStatus::kActive, kBegin, life));
  if (prepared_at) {
    input.journal.x509.push_back(Slot(SlotStatus::kPrepared, *prepared_at, life));
  }
  input.prepared_acknowledged = acknowledged;
  return input;
}

// FirstTime finds the second at which the action starts to be asked for.
seconds FirstTime(const ScheduleInput& input, Action action, seconds horizon) {
  seconds before(0);
  seconds at = horizon;
  while (before < at) {
    const seconds middle = (before + at) / 2;
    if (NextAction(input, kBegin + middle) == action) {
      at = middle;
    } else {
      before = middle + seconds(1);
    }
  }
  return at;
}

}  // namespace

TEST_CASE("schedule: prepares at half life, at most 30 days before the end (spire-api 13)") {
  CHECK(FirstTime(Input(hours(24)), Action::kPrepare, hours(24)) == hours(12));
  CHECK(FirstTime(Input(days(60)), Action::kPrepare, days(60)) == days(30));
  CHECK(FirstTime(Input(days(365)), Action::kPrepare, days(365)) == days(335));
  CHECK(FirstTime(Input(minutes(10)), Action::kPrepare, minutes(10)) == minutes(5));
}

TEST_CASE(
    "schedule: an acknowledged authority activates a sixth of life, at most 7 d, before the end") {
  const auto input = [](seconds life) { return Input(life, kBegin + life / 2, true); };
  CHECK(FirstTime(input(hours(24)), Action::kActivate, hours(24)) == hours(20));
  CHECK(FirstTime(input(days(42)), Action::kActivate, days(42)) == days(35));
  CHECK(FirstTime(input(days(365)), Action::kActivate, days(365)) == days(358));
}

TEST_CASE("schedule: without acknowledgement it activates at the last safe moment") {
  const auto input = [](seconds life) { return Input(life, kBegin + life / 2, false); };
  CHECK(FirstTime(input(hours(24)), Action::kActivate, hours(24)) == hours(22));
  CHECK(FirstTime(input(days(365)), Action::kActivate, days(365)) == days(365) - hours(84));
}

TEST_CASE("schedule: an authority prepared late still gets time to reach the agents") {
  const auto input = [](seconds prepared_at) {
    return Input(hours(24), kBegin + prepared_at, false);
  };
  CHECK(FirstTime(input(hours(21)), Action::kActivate, hours(24)) == hours(23));
  CHECK(FirstTime(input(hours(22)), Action::kActivate, hours(24)) == hours(24) - minutes(24));
  CHECK(FirstTime(input(hours(23)), Action::kActivate, hours(24)) == hours(24) - minutes(24));
  CHECK(FirstTime(Input(hours(24), kBegin + hours(23), true), Action::kActivate, hours(24)) ==
        hours(23) - minutes(1));  // as soon as it is acknowledged, within the clock tolerance
}

TEST_CASE("schedule: an expired authority is replaced at once") {
  CHECK(NextAction(Input(hours(24)), kBegin + hours(25)) == Action::kPrepare);
  CHECK(NextAction(Input(hours(24), kBegin + hours(25)), kBegin + hours(25)) == Action::kActivate);
}

TEST_CASE("schedule: without an active authority one is prepared, then activated, at any time") {
  CHECK(NextAction({}, kBegin) == Action::kPrepare);
  ScheduleInput input;
  input.journal.x509 = {Slot(SlotStatus::kOld, kBegin, hours(24))};
  CHECK(NextAction(input, kBegin - hours(1)) == Action::kPrepare);
  input.journal.x509 = {Slot(SlotStatus::kPrepared, kBegin, hours(24))};
  CHECK(NextAction(input, kBegin - hours(1)) == Action::kActivate);
}

TEST_CASE("schedule: pruning waits for everything else") {
  auto input = Input(hours(24));
  input.has_prunable = true;
  CHECK(NextAction(input, kBegin) == Action::kPrune);
  CHECK(NextAction(input, kBegin + hours(12)) == Action::kPrepare);
}

TEST_CASE("schedule: nothing happens while the clock is behind what the journal remembers") {
  auto input = Input(hours(24), kBegin + hours(12), true);
  input.has_prunable = true;
  CHECK(NextAction(input, kBegin + hours(12) - seconds(60)) == Action::kPrune);
  CHECK(NextAction(input, kBegin + hours(12) - seconds(61)) == Action::kNone);
  CHECK(NextAction(input, kBegin - days(1000)) == Action::kNone);
}

}  // namespace signet::issuance
