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

/// What the schedule wants done now. See Schedule for the life of an authority.
enum class Action { kNone, kPrepare, kActivate, kPrune };

/// ScheduleInput is the whole state that the decision depends on.
struct ScheduleInput {
  store::Journal journal;
  bool prepared_acknowledged =
      false;  ///< every live agent that can tell holds a bundle with the prepared authority
  bool has_prunable =
      false;  ///< the bundle holds an authority 24 h past its end, and others remain
};

/// Schedule decides the next step of rotation: a pure function of (state, now). The life of one
/// authority:
///
///     prepare            activate                    next prepares      next activates        end
///     +24 h
///     |--- in bundle ----|======= signs SVIDs ==========================|----- old
///     ------------|------| pruned issued             previous: end - life/6      end - life/2 end
///     - life/6           end
///                        (at most 7 d before)        (at most 30 d)     (at most 7 d)
///
/// Activation comes early only when every agent has acknowledged the bundle, never before end -
/// life/6, and never later than the last safe moment (end - life/12).  The driver persists after
/// each step, so a crash repeats nothing.
Action NextAction(const ScheduleInput& input, SystemTime now);

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
  /// whose key the key manager lacks are dropped with a warning that says what follows; without an
  /// ACTIVE one a new authority is made, published and activated at once.
  static Result<std::unique_ptr<Authorities>> Start(AuthorityConfig config, store::Journal journal,
                                                    Deps deps);

  /// issuer of the ACTIVE authority; never null.
  std::shared_ptr<const X509Issuer> issuer() const;
  AuthorityState state() const;

  /// Step takes at most one action that the schedule asks for. True if something changed.
  Result<bool> Step();
  /// Wait says how long until Step should be asked again: the rotation check of 10 s, or life/60
  /// for short lives.
  Duration StepInterval() const;

  /// on_activated is told after an activation (server SVID renewal). Set before the first Step.
  void set_on_activated(std::function<void()> callback);

 private:
  Authorities(AuthorityConfig config, Deps deps);
  Status Resume(const store::Journal& journal);
  Status Prepare();
  Status Activate();
  Status Prune();

  AuthorityConfig config_;
  Deps deps_;
  mutable std::mutex mutex_;  ///< guards journal_ and issuer_; never held across I/O
  std::mutex step_mutex_;     ///< one step at a time
  store::Journal journal_;
  std::shared_ptr<const X509Issuer> issuer_;
  std::function<void()> on_activated_;
};

}  // namespace signet::issuance
