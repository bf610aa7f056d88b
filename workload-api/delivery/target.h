#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/result.h"
#include "workload-api/delivery/material.h"
#include "workload-api/delivery/progress.h"
#include "workload-api/delivery/site.h"

namespace signet::delivery {

/// TargetHealth is what is known of a target; all of it may be shown to anybody.
struct TargetHealth {
  std::string name;
  Condition condition = Condition::kWaitingForIdentity;
  /// Files of a certificate that has not ended are published and, where the server is looked at, it
  /// was seen to serve them.
  bool ready = false;
  bool well = false;            ///< delivered, and there is an identity; nothing fails
  bool stuck = false;           ///< one step has been going on for minutes
  std::string problem = {};     ///< what fails now; empty: nothing
  std::string generation = {};  ///< of what is published; empty: nothing yet
  std::string spiffe_id = {};
  std::string serial = {};                      ///< of the leaf, decimal
  SystemTime not_after = {};                    ///< of the leaf
  std::optional<SystemTime> last_success = {};  ///< when it was last delivered
};

/// ConditionName is for logs and JSON: "delivered", "waiting_for_server" ….
std::string_view ConditionName(Condition condition);

/// Target brings the newest identity to one site and keeps at it. Offer, Lost, Stop and Health may
/// be called from any thread; Step from one.
class Target {
 public:
  /// clock and logger must outlive it.
  struct World {
    const Clock& clock;
    Logger& logger;
  };
  Target(std::string name, std::unique_ptr<Site> site, Pace pace, World world);

  /// Offer hands over the newest identity. The same one again changes nothing.
  void Offer(std::shared_ptr<const Material> material);
  /// Lost: the source has no identity for this target, or none any more. What is published stays;
  /// the target stops being ready when its leaf ends.
  void Lost(const Error& why);
  /// Step does what is due, one thing at most, and says how long to wait for the next.
  Duration Step();
  /// Stop makes later Steps do nothing.
  void Stop();

  TargetHealth Health() const;

 private:
  struct Leaf {
    std::string generation;
    std::string spiffe_id;
    Bytes der;
    std::string serial;
    SystemTime not_after;
  };
  struct Due {
    delivery::Step step = delivery::Step::kNothing;
    std::shared_ptr<const Material> material = nullptr;
  };

  Due TakeDue();
  Duration UntilDue() const;
  void Publish(const Material& material);
  void Act();
  void Verify();
  /// Note keeps how a step ended, and logs it if that is news.
  void Note(const Status& status);
  void LogChange(const std::string& problem);

  const std::string name_;
  const std::unique_ptr<Site> site_;
  const World world_;

  mutable std::mutex mutex_;
  std::shared_ptr<const Material> offered_;
  bool fresh_ = false;  ///< `offered_` was not tried yet
  bool stopped_ = false;
  Progress progress_;
  std::optional<Leaf> published_;
  std::string problem_;  ///< of the last step
  std::string lost_;     ///< why there is no identity now; empty: there is
  std::string logged_;   ///< condition and problem as last logged
  std::optional<MonoTime> step_began_;
  std::optional<SystemTime> last_success_;
};

}  // namespace signet::delivery
