#include "workload-api/delivery/progress.h"

#include <algorithm>

namespace signet::delivery {
namespace {

/// Doubled is the pause before attempt n + 1, n ≥ 1.
Duration Doubled(Duration first, Duration max, int n) {
  Duration pause = first;
  for (int i = 1; i < n && pause < max; ++i) {
    pause *= 2;
  }
  return std::min(pause, max);
}

}  // namespace

void Progress::NewMaterial(MonoTime now) {
  failures_ = 0;
  if (condition_ == Condition::kWaitingForIdentity) {
    condition_ = Condition::kDelivering;
  }
  Plan(Step::kPublish, now);
}

void Progress::Published(const Status& status, bool changed, MonoTime now) {
  if (!status.ok()) {
    Fail(Step::kPublish, status, now);
    return;
  }
  settled_ = settled_ && !changed;
  failures_ = 0;
  if (settled_) {
    Done(now);
    return;
  }
  condition_ = Condition::kDelivering;
  if (has_.action) {
    Plan(Step::kAct, now);
  } else {
    AfterPublished(now);
  }
}

void Progress::Acted(const Status& status, MonoTime now) {
  if (!status.ok()) {
    Fail(Step::kAct, status, now);
    return;
  }
  AfterPublished(now);
}

void Progress::AfterPublished(MonoTime now) {
  if (!has_.verification) {
    Done(now);
    return;
  }
  StartVerifying(now);
  Plan(Step::kVerify, now);
}

void Progress::StartVerifying(MonoTime now) {
  looks_ = 0;
  verify_until_ = now + pace_.verify_within;
}

void Progress::Verified(const Status& status, MonoTime now) {
  if (status.ok()) {
    served_ = true;
    Done(now);
    return;
  }
  if (settled_ && looks_ == 0) {
    StartVerifying(now);  // it was delivered: a server that restarts gets as much time as before
  }
  ++looks_;
  const MonoTime again = now + Doubled(pace_.verify_every, pace_.verify_every_max, looks_);
  if (again <= verify_until_) {
    Plan(Step::kVerify, again);
    return;
  }
  served_ = false;
  settled_ = false;
  Fail(has_.action ? Step::kAct : Step::kVerify, status, now);
  StartVerifying(due_);
}

void Progress::Done(MonoTime now) {
  settled_ = true;
  condition_ = Condition::kDelivered;
  failures_ = 0;
  looks_ = 0;
  if (has_.verification && pace_.verify_again > Duration::zero()) {
    Plan(Step::kVerify, now + pace_.verify_again);
  } else {
    Plan(Step::kNothing, now);
  }
}

void Progress::Fail(Step again, const Status& status, MonoTime now) {
  const bool absent = status.code() == Code::kUnavailable || status.code() == Code::kNotFound;
  const bool nobody = absent && again != Step::kPublish;
  condition_ = nobody ? Condition::kWaitingForServer : Condition::kFailing;
  ++failures_;
  Plan(again,
       now + Doubled(pace_.retry, nobody ? pace_.retry_max_waiting : pace_.retry_max, failures_));
}

void Progress::Plan(Step step, MonoTime due) {
  next_ = step;
  due_ = due;
}

}  // namespace signet::delivery
