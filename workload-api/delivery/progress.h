#pragma once

#include <chrono>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace signet::delivery {

/// Step is what a target has to do next.
enum class Step { kNothing, kPublish, kAct, kVerify };

/// Condition is how a target stands.
enum class Condition {
  kWaitingForIdentity,  ///< nothing was ever given to it
  kDelivering,          ///< on its way; nothing has gone wrong
  kDelivered,           ///< published, acted on, verified: as far as these are configured
  kWaitingForServer,    ///< published, but nobody is there to take it (UNAVAILABLE, NOT_FOUND)
  kFailing,             ///< it goes on trying
};

/// Pace is how fast a target goes.
struct Pace {
  Duration verify_every = std::chrono::milliseconds(100);  ///< first pause; doubles
  Duration verify_every_max = std::chrono::seconds(1);
  Duration verify_within = std::chrono::seconds(10);  ///< then the verification has failed
  Duration verify_again = std::chrono::minutes(1);    ///< once delivered; zero: never
  Duration retry = std::chrono::milliseconds(500);    ///< first pause after a failure; doubles
  Duration retry_max = std::chrono::seconds(30);
  Duration retry_max_waiting = std::chrono::seconds(5);  ///< while nobody is there
};

/// Progress decides what a target does next. Pure: it is told what happened and when.
///
///   material → kPublish → kAct → kVerify ⟲ → delivered → kVerify now and then
///                 ⟲         ⟲──────┘ failed: again after a pause, for ever
///
/// A failed publication is tried again; the server is never told of files that are not there. What
/// was published already is acted on again unless it was delivered.
class Progress {
 public:
  struct Has {
    bool action = false;
    bool verification = false;
  };
  Progress(Has has, Pace pace) : has_(has), pace_(pace) {}

  void NewMaterial(MonoTime now);
  void Published(const Status& status, bool changed, MonoTime now);
  void Acted(const Status& status, MonoTime now);
  void Verified(const Status& status, MonoTime now);

  Step next() const { return next_; }
  MonoTime due() const { return due_; }  ///< when `next` is to be done
  Condition condition() const { return condition_; }
  /// served: the last concluded verification was a success.
  bool served() const { return served_; }

 private:
  void Plan(Step step, MonoTime due);
  void StartVerifying(MonoTime now);
  void AfterPublished(MonoTime now);
  void Done(MonoTime now);
  void Fail(Step again, const Status& status, MonoTime now);

  Has has_;
  Pace pace_;
  Step next_ = Step::kNothing;
  MonoTime due_ = {};
  Condition condition_ = Condition::kWaitingForIdentity;
  bool settled_ = false;  ///< what is published was delivered
  bool served_ = false;
  int failures_ = 0;  ///< in a row
  int looks_ = 0;     ///< of this verification
  MonoTime verify_until_ = {};
};

}  // namespace signet::delivery
