#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ca/issuance/key_manager.h"
#include "ca/issuance/x509_issuer.h"
#include "ca/store/records.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/base/result.h"
#include "core/spiffe/bundle.h"

namespace signet::issuance {

/// What the schedule wants done now. See NextAction for the life of an authority.
enum class Action { kNone, kPrepare, kActivate, kPrune };

/// ScheduleInput is the whole state that the decision depends on.
struct ScheduleInput {
  store::Journal journal;
  /// Every live agent that can tell holds a bundle with the prepared authority.
  bool prepared_acknowledged = false;
  /// The bundle holds an authority 24 h past its end, and others remain.
  bool has_prunable = false;
};

// The life of one authority; L is its length:
//
//   in the bundle  ==================================================================//==|
//   signs                      =========================================|                |
//                  |           |            |           |          |    |                |
//               prepare     activate     the next    the next    last  end            pruned
//                                        prepares    activates   safe               end + 24 h
//                                        end - L/2   end - L/6   end - L/12
//                                        (or 30 d)   (or 7 d)    (or 3.5 d)
//
// From end - L/6 on the next one activates as soon as every agent has acknowledged the bundle that
// holds it, at the last safe moment without. One that was prepared late (the server was down) still
// gets L/12 to reach the agents, but no later than end - L/60. Without an ACTIVE authority, or with
// one that has expired, the next one is prepared and activated at once.

/// NextAction decides the next step of rotation: a pure function of (state, now). The driver
/// persists after each step, so a crash repeats nothing. Nothing happens while the clock is behind
/// the last step that the journal remembers.
Action NextAction(const ScheduleInput& input, SystemTime now);

/// ClockIsBehind: the clock is over a minute before the last step that the journal remembers.
bool ClockIsBehind(const store::Journal& journal, SystemTime now);

/// FindSlot gives the slot with a status; null if there is none.
const store::AuthoritySlot* FindSlot(const store::Journal& journal, store::SlotStatus status);

/// AuthorityPersistence is how a step becomes durable: journal and bundle change in one
/// transaction, then the registry and the agents learn of it. Implemented by ca/service.
class AuthorityPersistence {
 public:
  virtual ~AuthorityPersistence() = default;
  /// SaveAuthorities commits the journal together with authorities to add to and remove from (by
  /// DER) the own bundle.
  virtual Status SaveAuthorities(const store::Journal& journal,
                                 const std::vector<spiffe::X509Authority>& add,
                                 const std::vector<Bytes>& remove) = 0;
  /// OwnBundle gives the bundle as last committed; nullopt before the first authority.
  virtual std::optional<spiffe::Bundle> OwnBundle() const = 0;
  /// Acknowledged: every live agent on a change stream holds a bundle with this authority (agents
  /// that cannot tell are counted by the clock).
  virtual bool Acknowledged(const std::string& authority_id) const = 0;
};

struct AuthorityConfig {
  CaParams ca;
  crypto::KeyType key_type = crypto::KeyType::kEcP256;
};

/// AuthorityState is what LocalAuthority.GetX509AuthorityState shows.
struct AuthorityState {
  std::optional<store::AuthoritySlot> active;
  std::optional<store::AuthoritySlot> prepared;
  std::optional<store::AuthoritySlot> old;
};

/// Authorities holds the slots and the issuer of the ACTIVE one. Safe for several threads: readers
/// get an immutable issuer; steps are serialised.
class Authorities {
 public:
  struct Deps {
    KeyManager& keys;
    AuthorityPersistence& persistence;
    const Clock& clock;
    Random& random;
    Logger& logger;
  };

  /// Start resumes from the journal: slots whose authority is missing from the bundle, expired, or
  /// whose key the key manager lacks are dropped with a warning that says what follows. Without an
  /// ACTIVE one left, the PREPARED one, or else a new one, is published and activated at once. A
  /// key manager that fails in another way is an error: a new authority would not mend it.
  static Result<std::unique_ptr<Authorities>> Start(AuthorityConfig config, store::Journal journal,
                                                    Deps deps);

  /// issuer of the ACTIVE authority; never null.
  std::shared_ptr<const X509Issuer> issuer() const;
  AuthorityState state() const;

  /// Step takes at most one action that the schedule asks for. True if something changed: ask
  /// again at once. After a failure nothing has changed, and the next Step tries again.
  Result<bool> Step();
  /// StepInterval says how long until Step should be asked again: the rotation check of 10 s, or
  /// life/60 for short lives.
  Duration StepInterval() const;

  /// on_activated is told after an activation (server SVID renewal). Set before the first Step.
  void set_on_activated(std::function<void()> callback);

 private:
  Authorities(AuthorityConfig config, Deps deps);
  Status Resume(const store::Journal& journal);
  Result<bool> Keep(const store::AuthoritySlot& slot, const spiffe::Bundle& bundle);
  Status Run(Action action);
  Status Prepare();
  Status Activate();
  Status Prune();
  Result<std::shared_ptr<const X509Issuer>> MakeIssuer(const store::AuthoritySlot& slot);
  store::Journal journal() const;
  std::vector<Bytes> Prunable() const;
  void NoteClock(bool behind);

  AuthorityConfig config_;
  Deps deps_;
  mutable std::mutex mutex_;  ///< guards journal_ and issuer_; never held across I/O
  std::mutex step_mutex_;     ///< one step at a time
  store::Journal journal_;
  std::shared_ptr<const X509Issuer> issuer_;
  std::function<void()> on_activated_;
  bool clock_was_behind_ = false;  ///< guarded by step_mutex_
};

}  // namespace signet::issuance
