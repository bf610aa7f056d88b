#include "ca/issuance/authorities.h"

#include <algorithm>

namespace signet::issuance {
namespace {

using store::AuthoritySlot;
using store::Journal;
using store::SlotStatus;

constexpr std::string_view kKeyIdA = "x509-CA-A";
constexpr std::string_view kKeyIdB = "x509-CA-B";
constexpr auto kRotationCheck = std::chrono::seconds(10);
constexpr auto kShortestCheck = std::chrono::milliseconds(100);
constexpr auto kPruneAfter = std::chrono::hours(24);

/// The key id that the ACTIVE authority does not use.
std::string FreeKeyId(const Journal& journal) {
  const AuthoritySlot* active = FindSlot(journal, SlotStatus::kActive);
  return std::string(active != nullptr && active->key_id == kKeyIdA ? kKeyIdB : kKeyIdA);
}

bool Holds(const spiffe::Bundle& bundle, const Bytes& certificate) {
  return std::any_of(bundle.x509_authorities.begin(), bundle.x509_authorities.end(),
                     [&](const auto& authority) { return authority.der == certificate; });
}

std::optional<AuthoritySlot> CopySlot(const Journal& journal, SlotStatus status) {
  const AuthoritySlot* slot = FindSlot(journal, status);
  return slot != nullptr ? std::optional(*slot) : std::nullopt;
}

}  // namespace

Authorities::Authorities(AuthorityConfig config, Deps deps)
    : config_(std::move(config)), deps_(deps) {}

Result<std::unique_ptr<Authorities>> Authorities::Start(AuthorityConfig config, Journal journal,
                                                        Deps deps) {
  std::unique_ptr<Authorities> authorities(new Authorities(std::move(config), deps));
  SIGNET_TRY(authorities->Resume(journal).Context("resuming the authorities"));
  // Without an ACTIVE slot the schedule asks for Prepare (unless there is one) and Activate; each
  // is persisted, so that a crash between them goes on here.
  while (authorities->issuer() == nullptr) {
    const Action action = NextAction({.journal = authorities->journal()}, deps.clock.Now());
    SIGNET_TRY(authorities->Run(action).Context("making the first authority"));
  }
  authorities->NoteClock(ClockIsBehind(authorities->journal(), deps.clock.Now()));
  return authorities;
}

Status Authorities::Resume(const Journal& journal) {
  const auto bundle = deps_.persistence.OwnBundle().value_or(
      spiffe::Bundle{.trust_domain = config_.ca.trust_domain});
  Journal kept;
  for (const AuthoritySlot& slot : journal.x509) {
    SIGNET_TRY_ASSIGN(const bool keep, Keep(slot, bundle));
    if (keep) {
      kept.x509.push_back(slot);
    }
  }
  std::shared_ptr<const X509Issuer> issuer;
  if (const AuthoritySlot* active = FindSlot(kept, SlotStatus::kActive)) {
    SIGNET_TRY_ASSIGN(issuer, MakeIssuer(*active));
  }
  const std::lock_guard lock(mutex_);
  journal_ = std::move(kept);
  issuer_ = std::move(issuer);
  return {};
}

Result<bool> Authorities::Keep(const AuthoritySlot& slot, const spiffe::Bundle& bundle) {
  if (FromUnixSeconds(slot.not_after) <= deps_.clock.Now()) {
    if (slot.status == SlotStatus::kOld) {
      return false;  // the usual end
    }
    deps_.logger.Warn("authority expired while the server was down, it is dropped",
                      {{"authority_id", slot.authority_id},
                       {"not_after", FormatTime(FromUnixSeconds(slot.not_after))}});
    return false;
  }
  if (!Holds(bundle, slot.certificate)) {
    deps_.logger.Warn(
        "authority is not in the stored bundle, it is dropped and signs nothing any more",
        {{"authority_id", slot.authority_id}});
    return false;
  }
  if (slot.status == SlotStatus::kOld) {
    return true;  // signs nothing; its key may have been replaced by a newer one
  }
  SIGNET_TRY_ASSIGN(const auto certificate, crypto::Certificate::Parse(slot.certificate));
  auto key = deps_.keys.GetKey(slot.key_id);
  if (!key.ok() && key.code() != Code::kNotFound) {
    return std::move(key).error().Context("key " + slot.key_id);
  }
  if (key.ok() && (*key)->public_key().spki() == certificate.spki) {
    return true;
  }
  deps_.logger.Warn(
      "key of an authority is missing, it is dropped; another authority signs at once: agents "
      "trust its SVIDs only after their next bundle sync, SVIDs of the lost one stay valid until "
      "they expire",
      {{"authority_id", slot.authority_id}, {"key_id", slot.key_id}});
  return false;
}

Result<std::shared_ptr<const X509Issuer>> Authorities::MakeIssuer(const AuthoritySlot& slot) {
  SIGNET_TRY_ASSIGN(const auto certificate, crypto::Certificate::Parse(slot.certificate));
  SIGNET_TRY_ASSIGN(auto key, deps_.keys.GetKey(slot.key_id));
  return X509Issuer::Create(config_.ca.trust_domain, certificate, std::move(key), deps_.random);
}

std::shared_ptr<const X509Issuer> Authorities::issuer() const {
  const std::lock_guard lock(mutex_);
  return issuer_;
}

Journal Authorities::journal() const {
  const std::lock_guard lock(mutex_);
  return journal_;
}

AuthorityState Authorities::state() const {
  const Journal slots = journal();
  return {.active = CopySlot(slots, SlotStatus::kActive),
          .prepared = CopySlot(slots, SlotStatus::kPrepared),
          .old = CopySlot(slots, SlotStatus::kOld)};
}

void Authorities::set_on_activated(std::function<void()> callback) {
  on_activated_ = std::move(callback);
}

Duration Authorities::StepInterval() const {
  return std::clamp<Duration>(config_.ca.ttl / 60, kShortestCheck, kRotationCheck);
}

Result<bool> Authorities::Step() {
  const std::lock_guard step_lock(step_mutex_);
  const SystemTime now = deps_.clock.Now();
  const Journal slots = journal();
  const AuthoritySlot* prepared = FindSlot(slots, SlotStatus::kPrepared);
  NoteClock(ClockIsBehind(slots, now));
  const Action action =
      NextAction({.journal = slots,
                  .prepared_acknowledged =
                      prepared != nullptr && deps_.persistence.Acknowledged(prepared->authority_id),
                  .has_prunable = !Prunable().empty()},
                 now);
  if (action == Action::kNone) {
    return false;
  }
  SIGNET_TRY(Run(action));
  return true;
}

Status Authorities::Run(Action action) {
  switch (action) {
    case Action::kNone:
      return {};
    case Action::kPrepare:
      return Prepare().Context("preparing an authority");
    case Action::kActivate:
      return Activate().Context("activating the prepared authority");
    case Action::kPrune:
      return Prune().Context("pruning expired authorities");
  }
  SIGNET_CHECK(false, "unknown action");
}

// A crash after GenerateKey leaves a key that no journal names; the next Prepare replaces it.
Status Authorities::Prepare() {
  const SystemTime now = deps_.clock.Now();
  const Journal before = journal();
  const std::string key_id = FreeKeyId(before);
  SIGNET_TRY_ASSIGN(const auto key, deps_.keys.GenerateKey(key_id, config_.key_type));
  SIGNET_TRY_ASSIGN(const auto certificate, SelfSignCa(*key, config_.ca, now, deps_.random));
  SIGNET_TRY_ASSIGN(const auto issuer,
                    X509Issuer::Create(config_.ca.trust_domain, certificate, key, deps_.random));
  Journal next;
  if (const AuthoritySlot* active = FindSlot(before, SlotStatus::kActive)) {
    next.x509.push_back(*active);
  }
  next.x509.push_back({.authority_id = issuer->authority_id(),
                       .key_id = key_id,
                       .status = SlotStatus::kPrepared,
                       .certificate = certificate.der,
                       .issued_at = UnixSeconds(now),
                       .activated_at = 0,
                       .not_after = UnixSeconds(certificate.not_after)});
  SIGNET_TRY(deps_.persistence.SaveAuthorities(next, {{.der = certificate.der}}, {}));
  {
    const std::lock_guard lock(mutex_);
    journal_ = std::move(next);
  }
  deps_.logger.Info("authority prepared", {{"authority_id", issuer->authority_id()},
                                           {"not_after", FormatTime(certificate.not_after)}});
  return {};
}

Status Authorities::Activate() {
  const Journal before = journal();
  const AuthoritySlot* prepared = FindSlot(before, SlotStatus::kPrepared);
  SIGNET_CHECK(prepared != nullptr, "the schedule activates only what is prepared");
  SIGNET_TRY_ASSIGN(auto issuer, MakeIssuer(*prepared));
  Journal next;
  next.x509.push_back(*prepared);
  next.x509.back().status = SlotStatus::kActive;
  next.x509.back().activated_at = UnixSeconds(deps_.clock.Now());
  if (const AuthoritySlot* active = FindSlot(before, SlotStatus::kActive)) {
    next.x509.push_back(*active);
    next.x509.back().status = SlotStatus::kOld;
  }
  SIGNET_TRY(deps_.persistence.SaveAuthorities(next, {}, {}));
  deps_.logger.Info("authority activated", {{"authority_id", issuer->authority_id()}});
  {
    const std::lock_guard lock(mutex_);
    journal_ = std::move(next);
    issuer_ = std::move(issuer);
  }
  if (on_activated_) {
    on_activated_();
  }
  return {};
}

std::vector<Bytes> Authorities::Prunable() const {
  const SystemTime now = deps_.clock.Now();
  const auto bundle = deps_.persistence.OwnBundle();
  const auto active = state().active;
  std::vector<Bytes> prunable;
  std::size_t total = 0;
  for (const auto& authority :
       bundle ? bundle->x509_authorities : std::vector<spiffe::X509Authority>()) {
    ++total;
    const auto certificate = crypto::Certificate::Parse(authority.der);
    const bool in_use = active && active->certificate == authority.der;
    if (!in_use && certificate.ok() && certificate->not_after < now - kPruneAfter) {
      prunable.push_back(authority.der);
    }
  }
  // A bundle without authorities would cut every agent off.
  return prunable.size() < total ? prunable : std::vector<Bytes>();
}

Status Authorities::Prune() {
  const std::vector<Bytes> remove = Prunable();
  Journal next = journal();
  std::erase_if(next.x509, [&](const auto& slot) {
    return std::find(remove.begin(), remove.end(), slot.certificate) != remove.end();
  });
  SIGNET_TRY(deps_.persistence.SaveAuthorities(next, {}, remove));
  {
    const std::lock_guard lock(mutex_);
    journal_ = std::move(next);
  }
  deps_.logger.Info("expired authorities removed from the bundle", {{"count", remove.size()}});
  return {};
}

void Authorities::NoteClock(bool behind) {
  if (behind && !clock_was_behind_) {
    deps_.logger.Warn(
        "the clock is behind the last step of the authorities: rotation waits, SVIDs are dated by "
        "the clock and may be short for agents whose clock is right; set the clock",
        {{"now", FormatTime(deps_.clock.Now())}});
  }
  if (!behind && clock_was_behind_) {
    deps_.logger.Info("the clock has caught up, rotation goes on");
  }
  clock_was_behind_ = behind;
}

}  // namespace signet::issuance
