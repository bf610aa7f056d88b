#include "workload-api/cmd/delivery_source.h"

#include <utility>

namespace signet::agent_cmd {
namespace {

constexpr Duration kGrace = std::chrono::seconds(3);

}  // namespace

Status DeliverySource::Open(const std::string& endpoint, bool constrained) {
  cross_known_ = !constrained;
  SIGNET_TRY_ASSIGN(
      source_,
      client::X509Source::Open({.endpoint = endpoint,
                                .on_update = [this](const client::X509Snapshot& s) { Update(s); },
                                .on_problem = [this](const Error& problem) { Report(problem); }}));
  if (constrained) {
    SIGNET_TRY_ASSIGN(cross_watch_,
                      CrossCertificateWatch::Open(endpoint, world_.logger,
                                                  [this](CrossCertificateWatch::State state) {
                                                    SetCrossCertificates(std::move(state));
                                                  }));
    grace_ = std::make_unique<Ticker>([this] { return WaitForCrossCertificates(); });
  }
  return {};
}

Duration DeliverySource::WaitForCrossCertificates() {
  constexpr Duration kForever = std::chrono::hours(1);
  const std::lock_guard lock(mutex_);
  if (cross_known_) {
    return kForever;
  }
  // The wait begins with the first identity: an agent that is not there yet says nothing at all.
  if (snapshot_ == nullptr || !std::exchange(waiting_, true)) {
    return kGrace;
  }
  world_.logger.Warn("the agent does not say whether it has cross-certificates");
  cross_known_ = true;
  OfferAll(*snapshot_, cross_);
  return kForever;
}

void DeliverySource::SetCrossCertificates(CrossCertificates cross) {
  const std::lock_guard lock(mutex_);
  cross_ = std::move(cross);
  cross_known_ = true;
  if (snapshot_ != nullptr) {
    OfferAll(*snapshot_, cross_);
  }
}

std::string DeliverySource::Problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void DeliverySource::Update(const client::X509Snapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  snapshot_ = snapshot;
  if (snapshot == nullptr) {
    return;  // the reason comes with the report that follows
  }
  if (!std::exchange(problem_, "").empty()) {
    world_.logger.Info("the Workload API answers again");
  }
  if (cross_known_) {
    OfferAll(*snapshot, cross_);
  }
}

void DeliverySource::Report(const Error& problem) {
  const std::lock_guard lock(mutex_);
  if (problem.message != std::exchange(problem_, problem.message)) {
    world_.logger.Warn("the Workload API reports a problem", {{"reason", problem}});
  }
  if (problem.code == Code::kPermissionDenied) {
    LoseAll(problem);
  }
}

void DeliverySource::OfferAll(const client::X509Context& context, const CrossCertificates& cross) {
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    auto material = MaterialOf(context, choices_[i], cross);
    if (material.ok()) {
      world_.driver.Offer(i, *std::move(material));
    } else {
      world_.driver.Lost(i, material.error());
    }
  }
}

void DeliverySource::LoseAll(const Error& why) {
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    world_.driver.Lost(i, why);
  }
}

}  // namespace signet::agent_cmd
