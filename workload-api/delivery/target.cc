#include "workload-api/delivery/target.h"

#include <algorithm>
#include <utility>

#include "core/crypto/certificate.h"

namespace signet::delivery {
namespace {

constexpr Duration kIdle = std::chrono::hours(1);
constexpr Duration kStuckAfter = std::chrono::minutes(2);

bool SameMaterial(const Material& a, const Material& b) {
  return a.id == b.id && a.chain == b.chain && a.bundles == b.bundles &&
         a.cross_certificates == b.cross_certificates &&
         Equal(a.key.RevealSecret(), b.key.RevealSecret());
}

}  // namespace

std::string_view ConditionName(Condition condition) {
  switch (condition) {
    case Condition::kWaitingForIdentity:
      return "waiting_for_identity";
    case Condition::kDelivering:
      return "delivering";
    case Condition::kDelivered:
      return "delivered";
    case Condition::kWaitingForServer:
      return "waiting_for_server";
    case Condition::kFailing:
      return "failing";
  }
  return "";
}

Target::Target(std::string name, std::unique_ptr<Site> site, Pace pace, World world)
    : name_(std::move(name)),
      site_(std::move(site)),
      world_(world),
      progress_({.action = site_->acts(), .verification = site_->verifies()}, pace) {}

void Target::Offer(std::shared_ptr<const Material> material) {
  const std::lock_guard lock(mutex_);
  if (!lost_.empty()) {
    lost_.clear();
    logged_.clear();  // that it is back is worth a line
  }
  if (offered_ != nullptr && SameMaterial(*offered_, *material)) {
    return;
  }
  offered_ = std::move(material);
  fresh_ = true;
}

void Target::Lost(const Error& why) {
  std::string serial;
  {
    const std::lock_guard lock(mutex_);
    if (why.message == lost_) {
      return;
    }
    lost_ = why.message;
    serial = published_ ? published_->serial : "";
  }
  if (serial.empty()) {
    world_.logger.Warn("no identity for this target yet", {{"target", name_}, {"reason", why}});
  } else {
    world_.logger.Warn("the identity of this target is gone; its last files stay",
                       {{"target", name_}, {"reason", why}, {"serial", serial}});
  }
}

Duration Target::Step() {
  const Due due = TakeDue();
  switch (due.step) {
    case Step::kNothing:
      return UntilDue();
    case Step::kPublish:
      Publish(*due.material);
      break;
    case Step::kAct:
      Act();
      break;
    case Step::kVerify:
      Verify();
      break;
  }
  return UntilDue();
}

Target::Due Target::TakeDue() {
  const std::lock_guard lock(mutex_);
  const MonoTime now = world_.clock.Mono();
  if (stopped_) {
    return {};
  }
  if (std::exchange(fresh_, false)) {
    progress_.NewMaterial(now);
  }
  if (progress_.next() == Step::kNothing || progress_.due() > now) {
    return {};
  }
  step_began_ = now;
  return {progress_.next(), offered_};
}

Duration Target::UntilDue() const {
  const std::lock_guard lock(mutex_);
  if (stopped_) {
    return kIdle;
  }
  if (fresh_) {
    return Duration::zero();
  }
  return progress_.next() == Step::kNothing
             ? kIdle
             : std::max(Duration::zero(), Duration(progress_.due() - world_.clock.Mono()));
}

void Target::Publish(const Material& material) {
  const auto published = site_->Publish(material, world_.clock.Now());
  const Status status = published.ok() ? Status() : Status(published.error());
  const std::lock_guard lock(mutex_);
  if (published.ok()) {
    const auto leaf = crypto::Certificate::Parse(material.chain.front());
    published_ = Leaf{.generation = published->generation,
                      .spiffe_id = material.id.ToString(),
                      .der = material.chain.front(),
                      .serial = leaf.ok() ? leaf->serial_decimal : "",
                      .not_after = material.not_after};
    for (const std::string& line :
         published->changed ? published->left_out : std::vector<std::string>()) {
      world_.logger.Warn("left out of the files", {{"target", name_}, {"what", line}});
    }
  }
  progress_.Published(status, published.ok() && published->changed, world_.clock.Mono());
  Note(status);
}

void Target::Act() {
  const Status status = site_->Act();
  const std::lock_guard lock(mutex_);
  progress_.Acted(status, world_.clock.Mono());
  Note(status);
}

void Target::Verify() {
  Bytes wanted;
  {
    const std::lock_guard lock(mutex_);
    wanted = published_->der;
  }
  const auto served = site_->Served();
  Status status;
  if (!served.ok()) {
    status = served.error();
  } else if (*served != wanted) {
    const auto leaf = crypto::Certificate::Parse(*served);
    status = FailedPrecondition("the server still shows another certificate" +
                                (leaf.ok() ? " (serial " + leaf->serial_decimal + ")" : "") +
                                "; does it read these files, and did it take the reload?");
  }
  const std::lock_guard lock(mutex_);
  progress_.Verified(status, world_.clock.Mono());
  Note(status);
}

void Target::Note(const Status& status) {
  step_began_.reset();
  const Condition condition = progress_.condition();
  const bool failed = condition == Condition::kFailing || condition == Condition::kWaitingForServer;
  if (!failed) {
    problem_.clear();
  } else if (!status.ok()) {
    problem_ = status.error().message;  // else: on the way again, and not there yet
  }
  if (condition == Condition::kDelivered && status.ok()) {
    last_success_ = world_.clock.Now();
  }
  if (condition != Condition::kDelivering) {
    LogChange(problem_);
  }
}

void Target::LogChange(const std::string& problem) {
  const Condition condition = progress_.condition();
  const std::string news = std::string(ConditionName(condition)) + "\n" + problem + "\n" +
                           (published_ ? published_->generation : "");
  if (news == logged_) {
    return;
  }
  logged_ = news;
  const std::string generation = published_ ? published_->generation : "";
  if (condition == Condition::kDelivered) {
    world_.logger.Info("delivered", {{"target", name_},
                                     {"spiffe_id", published_->spiffe_id},
                                     {"serial", published_->serial},
                                     {"not_after", FormatTime(published_->not_after)},
                                     {"generation", generation},
                                     {"action", site_->Describe()}});
  } else if (condition == Condition::kWaitingForServer) {
    world_.logger.Info("published; waiting for the server",
                       {{"target", name_}, {"generation", generation}, {"reason", problem}});
  } else {
    world_.logger.Error("delivery fails",
                        {{"target", name_}, {"published", generation}, {"error", problem}});
  }
}

void Target::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
}

TargetHealth Target::Health() const {
  const std::lock_guard lock(mutex_);
  TargetHealth out{.name = name_, .condition = progress_.condition()};
  out.problem = problem_.empty() ? lost_ : problem_;
  out.well = out.condition == Condition::kDelivered && out.problem.empty();
  out.stuck = step_began_ && world_.clock.Mono() - *step_began_ > kStuckAfter;
  out.last_success = last_success_;
  if (published_) {
    out.generation = published_->generation;
    out.spiffe_id = published_->spiffe_id;
    out.serial = published_->serial;
    out.not_after = published_->not_after;
    out.ready =
        world_.clock.Now() < published_->not_after && (!site_->verifies() || progress_.served());
  }
  return out;
}

}  // namespace signet::delivery
