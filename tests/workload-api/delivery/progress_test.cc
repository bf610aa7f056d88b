#include "workload-api/delivery/progress.h"

#include "tests/support/result.h"

namespace signet::delivery {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const MonoTime kStart{seconds(1000)};
const Status kNobody = Error{Code::kUnavailable, "nobody there"};
const Status kRefused = FailedPrecondition("refused");

/// Delivered is a progress that has just been through everything.
Progress Delivered(Progress::Has has) {
  Progress progress(has, {});
  progress.NewMaterial(kStart);
  progress.Published({}, true, kStart);
  if (has.action) {
    progress.Acted({}, kStart);
  }
  if (has.verification) {
    progress.Verified({}, kStart);
  }
  return progress;
}

TEST_CASE("a target without an identity has nothing to do") {
  const Progress progress({true, true}, {});
  CHECK(progress.next() == Step::kNothing);
  CHECK(progress.condition() == Condition::kWaitingForIdentity);
}

TEST_CASE("a delivery goes through what is configured, in order") {
  struct Row {
    Progress::Has has;
    std::vector<Step> steps;
  };
  const Row rows[] = {
      {{false, false}, {Step::kPublish}},
      {{true, false}, {Step::kPublish, Step::kAct}},
      {{false, true}, {Step::kPublish, Step::kVerify}},
      {{true, true}, {Step::kPublish, Step::kAct, Step::kVerify}},
  };
  for (const Row& row : rows) {
    Progress progress(row.has, {});
    progress.NewMaterial(kStart);
    std::vector<Step> steps;
    while (progress.condition() != Condition::kDelivered) {
      CHECK(progress.condition() == Condition::kDelivering);
      CHECK(progress.due() == kStart);
      steps.push_back(progress.next());
      if (progress.next() == Step::kPublish) {
        progress.Published({}, true, kStart);
      } else if (progress.next() == Step::kAct) {
        progress.Acted({}, kStart);
      } else {
        progress.Verified({}, kStart);
      }
    }
    CHECK(steps == row.steps);
    CHECK(progress.served() == row.has.verification);
  }
}

TEST_CASE("what was delivered is looked at again now and then") {
  const Progress progress = Delivered({true, true});
  CHECK(progress.next() == Step::kVerify);
  CHECK(progress.due() == kStart + minutes(1));
  CHECK(Delivered({true, false}).next() == Step::kNothing);
}

TEST_CASE("files that did not change are acted on only if they were not delivered") {
  Progress progress = Delivered({true, true});
  progress.NewMaterial(kStart);
  CHECK(progress.next() == Step::kPublish);
  progress.Published({}, false, kStart);
  CHECK(progress.condition() == Condition::kDelivered);
  CHECK(progress.next() == Step::kVerify);

  Progress first({true, true}, {});  // a process that starts over files of its predecessor
  first.NewMaterial(kStart);
  first.Published({}, false, kStart);
  CHECK(first.next() == Step::kAct);
}

TEST_CASE("a publication that fails is tried again with growing pauses, and new material at once") {
  Progress progress({true, true}, {});
  progress.NewMaterial(kStart);
  std::vector<Duration> pauses;
  for (int i = 0; i < 9; ++i) {
    progress.Published(kRefused, false, kStart);
    CHECK(progress.next() == Step::kPublish);
    CHECK(progress.condition() == Condition::kFailing);
    pauses.push_back(progress.due() - kStart);
  }
  CHECK(pauses == std::vector<Duration>{milliseconds(500), seconds(1), seconds(2), seconds(4),
                                        seconds(8), seconds(16), seconds(30), seconds(30),
                                        seconds(30)});
  progress.NewMaterial(kStart);
  CHECK(progress.due() == kStart);
  progress.Published(kNobody, false, kStart);  // its code says nothing about a server
  CHECK(progress.condition() == Condition::kFailing);
  CHECK(progress.due() == kStart + milliseconds(500));
}

TEST_CASE("an action that fails is repeated and while nobody is there, never later than in 5 s") {
  struct Row {
    Status status;
    Condition condition;
    Duration longest;
  };
  const Row rows[] = {{kRefused, Condition::kFailing, seconds(30)},
                      {kNobody, Condition::kWaitingForServer, seconds(5)},
                      {NotFound("no pid file"), Condition::kWaitingForServer, seconds(5)}};
  for (const Row& row : rows) {
    Progress progress({true, false}, {});
    progress.NewMaterial(kStart);
    progress.Published({}, true, kStart);
    for (int i = 0; i < 10; ++i) {
      progress.Acted(row.status, kStart);
      CHECK(progress.condition() == row.condition);
      CHECK(progress.next() == Step::kAct);
    }
    CHECK(progress.due() == kStart + row.longest);
    progress.Acted({}, kStart);
    CHECK(progress.condition() == Condition::kDelivered);
  }
}

TEST_CASE("a verification is repeated until its time is over and then the action, and again") {
  Progress progress({true, true}, {});
  progress.NewMaterial(kStart);
  progress.Published({}, true, kStart);
  progress.Acted({}, kStart);
  MonoTime now = kStart;
  int looks = 0;
  while (progress.next() == Step::kVerify) {
    REQUIRE(++looks < 100);
    CHECK(progress.condition() == Condition::kDelivering);
    now = progress.due();
    progress.Verified(kRefused, now);
  }
  CHECK(now <= kStart + seconds(10));
  CHECK(now > kStart + seconds(8));
  CHECK(looks == 13);  // 0, 0.1, 0.3, 0.7, 1.5, then every second
  CHECK(progress.condition() == Condition::kFailing);
  CHECK(progress.next() == Step::kAct);
  progress.Acted({}, now);
  CHECK(progress.next() == Step::kVerify);
  progress.Verified({}, now);
  CHECK(progress.condition() == Condition::kDelivered);
}

TEST_CASE("a server that was seen to serve and then does not gets time to restart") {
  Progress progress = Delivered({true, true});
  MonoTime now = progress.due();
  progress.Verified(kNobody, now);
  CHECK(progress.condition() == Condition::kDelivered);
  CHECK(progress.served());
  CHECK(progress.due() == now + milliseconds(100));
  progress.Verified({}, progress.due());
  CHECK(progress.served());

  now = progress.due();
  while (progress.next() == Step::kVerify) {
    now = progress.due();
    progress.Verified(kNobody, now);
  }
  CHECK(progress.condition() == Condition::kWaitingForServer);
  CHECK_FALSE(progress.served());
  CHECK(progress.next() == Step::kAct);
}

TEST_CASE("a server that reads its files by itself is only looked at, for ever") {
  Progress progress({false, true}, {});
  progress.NewMaterial(kStart);
  progress.Published({}, true, kStart);
  MonoTime now = kStart;
  for (int i = 0; i < 200; ++i) {
    REQUIRE(progress.next() == Step::kVerify);
    now = progress.due();
    progress.Verified(kNobody, now);
  }
  CHECK(progress.condition() == Condition::kWaitingForServer);
  CHECK(progress.due() - now <= seconds(5));
}

}  // namespace
}  // namespace signet::delivery
