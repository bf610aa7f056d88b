#include <algorithm>

#include "ca/issuance/authorities.h"

namespace signet::issuance {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;
using store::AuthoritySlot;
using store::Journal;
using store::SlotStatus;

constexpr seconds kClockTolerance = std::chrono::minutes(1);

// Whole seconds, as the journal keeps them.
struct Life {
  SystemTime begin;
  SystemTime end;
  seconds length;
};

Life LifeOf(const AuthoritySlot& slot) {
  return {.begin = FromUnixSeconds(slot.issued_at),
          .end = FromUnixSeconds(slot.not_after),
          .length = seconds(slot.not_after - slot.issued_at)};
}

SystemTime PrepareAt(const Life& life) {
  return life.end - std::min<seconds>(life.length / 2, days(30));
}

SystemTime EarliestActivation(const Life& life) {
  return life.end - std::min<seconds>(life.length / 6, days(7));
}

// When the next authority must sign whether or not every agent has told that it knows it.
SystemTime LatestActivation(const Life& active, const Life& prepared) {
  const auto margin = std::min<seconds>(active.length / 12, hours(84));
  const auto had_time = std::min(prepared.begin + margin, active.end - active.length / 60);
  return std::max(active.end - margin, had_time);
}

bool ShouldActivate(const AuthoritySlot& active, const AuthoritySlot& prepared, bool acknowledged,
                    SystemTime now) {
  const Life life = LifeOf(active);
  return now >= LatestActivation(life, LifeOf(prepared)) ||
         (acknowledged && now >= EarliestActivation(life));
}

}  // namespace

const AuthoritySlot* FindSlot(const Journal& journal, SlotStatus status) {
  const auto found = std::find_if(journal.x509.begin(), journal.x509.end(),
                                  [&](const auto& slot) { return slot.status == status; });
  return found == journal.x509.end() ? nullptr : &*found;
}

bool ClockIsBehind(const Journal& journal, SystemTime now) {
  return std::any_of(journal.x509.begin(), journal.x509.end(), [&](const auto& slot) {
    return now + kClockTolerance < FromUnixSeconds(std::max(slot.issued_at, slot.activated_at));
  });
}

Action NextAction(const ScheduleInput& input, SystemTime now) {
  const AuthoritySlot* active = FindSlot(input.journal, SlotStatus::kActive);
  const AuthoritySlot* prepared = FindSlot(input.journal, SlotStatus::kPrepared);
  if (active == nullptr) {
    return prepared != nullptr ? Action::kActivate : Action::kPrepare;
  }
  if (ClockIsBehind(input.journal, now)) {
    return Action::kNone;
  }
  if (prepared != nullptr && ShouldActivate(*active, *prepared, input.prepared_acknowledged, now)) {
    return Action::kActivate;
  }
  if (prepared == nullptr && now >= PrepareAt(LifeOf(*active))) {
    return Action::kPrepare;
  }
  return input.has_prunable ? Action::kPrune : Action::kNone;
}

}  // namespace signet::issuance
