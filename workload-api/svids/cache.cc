#include "workload-api/svids/cache.h"

#include <algorithm>

#include "core/base/encoding.h"
#include "core/crypto/bundle_codec.h"
#include "core/crypto/certificate.h"

namespace signet::svids {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds(250);
constexpr Duration kLongestPause = std::chrono::seconds(30);
constexpr int kMaxDoublings = 7;

/// SameMeaning: certificates that differ in serial number and signature alone.
bool SameMeaning(const Bytes& a_der, const Bytes& b_der) {
  const auto a = crypto::Certificate::Parse(a_der);
  const auto b = crypto::Certificate::Parse(b_der);
  return a.ok() && b.ok() && a->issuer == b->issuer && a->authority_key_id == b->authority_key_id &&
         a->subject == b->subject && a->subject_key_id == b->subject_key_id && a->spki == b->spki &&
         a->name_constraints == b->name_constraints && a->path_length == b->path_length &&
         a->not_before == b->not_before && a->not_after == b->not_after;
}

}  // namespace

std::vector<std::string> AuthorityIds(const spiffe::Bundle& bundle, bool tainted_only) {
  std::vector<std::string> ids;
  for (const spiffe::X509Authority& authority : bundle.x509_authorities) {
    if (tainted_only && !authority.tainted) {
      continue;
    }
    if (const auto certificate = crypto::Certificate::Parse(authority.der); certificate.ok()) {
      ids.push_back(HexEncode(certificate->subject_key_id));
    }
  }
  return ids;
}

void Cache::SetEntries(std::vector<Entry> entries) {
  std::map<std::string, Slot> next;
  for (Entry& entry : entries) {
    const std::string id = entry.id;
    Slot slot{.entry = std::move(entry)};
    const auto old = slots_.find(id);
    if (old != slots_.end() && old->second.entry.spiffe_id == slot.entry.spiffe_id) {
      slot.svid = std::move(old->second.svid);
      slot.issued_for = std::move(old->second.issued_for);
    }
    if (old != slots_.end() && old->second.entry == slot.entry) {
      slot.refusals = old->second.refusals;
      slot.paused_until = old->second.paused_until;
    }
    next.insert_or_assign(id, std::move(slot));
  }
  slots_ = std::move(next);
  std::erase_if(bundles_, [this, federated = Federated()](const auto& item) {
    return item.first != trust_domain_ && !federated.contains(item.first);
  });
}

bool Cache::SetBundle(const spiffe::Bundle& bundle) {
  if (bundle.trust_domain == trust_domain_) {
    const std::vector<std::string> ids = AuthorityIds(bundle, /*tainted_only=*/true);
    tainted_ = {ids.begin(), ids.end()};
  }
  auto bytes = std::make_shared<const Bytes>(crypto::ConcatenateX509(bundle));
  auto& stored = bundles_[bundle.trust_domain];
  if (stored != nullptr && *stored == *bytes) {
    return false;
  }
  stored = std::move(bytes);
  return true;
}

bool Cache::RemoveBundle(const spiffe::TrustDomain& trust_domain) {
  return bundles_.erase(trust_domain) > 0;
}

bool Cache::SetCrossCertificates(std::map<spiffe::TrustDomain, std::vector<Bytes>> lists) {
  CrossCertificates next;
  for (auto& [trust_domain, list] : lists) {
    const auto known = cross_certificates_.find(trust_domain);
    const bool same = known != cross_certificates_.end() &&
                      std::equal(list.begin(), list.end(), known->second->begin(),
                                 known->second->end(), SameMeaning);
    next.emplace(trust_domain, same ? known->second
                                    : std::make_shared<const std::vector<Bytes>>(std::move(list)));
  }
  next.swap(cross_certificates_);
  return cross_certificates_ != next;
}

void Cache::PutSvid(const Entry& entry, std::shared_ptr<const WorkloadSvid> svid) {
  const auto slot = slots_.find(entry.id);
  if (slot == slots_.end() || slot->second.entry.spiffe_id != entry.spiffe_id) {
    return;
  }
  slot->second.svid = std::move(svid);
  slot->second.issued_for = entry;
  slot->second.refusals = 0;
  slot->second.paused_until.reset();
}

int Cache::Refused(const std::string& entry_id, MonoTime now, double jitter) {
  const auto slot = slots_.find(entry_id);
  if (slot == slots_.end()) {
    return 0;
  }
  int& refusals = slot->second.refusals;
  const Duration doubled = kFirstPause * (1 << std::min(refusals, kMaxDoublings));
  slot->second.paused_until = now + std::chrono::duration_cast<Duration>(
                                        std::min(doubled, kLongestPause) * (1 - jitter / 2));
  return ++refusals;
}

void Cache::AskAgain(const std::string& entry_id) {
  if (const auto slot = slots_.find(entry_id); slot != slots_.end()) {
    slot->second.refusals = 0;
    slot->second.paused_until.reset();
  }
}

Duration Cache::Pause(const Slot& slot, MonoTime now) {
  return slot.paused_until ? std::max<Duration>(*slot.paused_until - now, Duration::zero())
                           : Duration::zero();
}

Duration Cache::Urgency(const Slot& slot, const Moment& now) const {
  if (slot.svid == nullptr) {
    return Duration::min();
  }
  if (!SameCertificate(*slot.issued_for, slot.entry) ||
      tainted_.contains(slot.svid->authority_id)) {
    return Duration::min() + Duration(1);
  }
  return RenewIn(slot.svid->times, now.wall, now.mono);
}

std::vector<Entry> Cache::Due(const Moment& now) const {
  std::vector<std::pair<Duration, const Entry*>> due;
  for (const auto& [id, slot] : slots_) {
    const Duration urgency = Urgency(slot, now);
    if (urgency <= Duration::zero() && Pause(slot, now.mono) == Duration::zero()) {
      due.emplace_back(urgency, &slot.entry);
    }
  }
  std::stable_sort(due.begin(), due.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Entry> entries;
  entries.reserve(due.size());
  for (const auto& [urgency, entry] : due) {
    entries.push_back(*entry);
  }
  return entries;
}

std::optional<Duration> Cache::NextDue(const Moment& now) const {
  std::optional<Duration> next;
  for (const auto& [id, slot] : slots_) {
    const Duration wait = std::max(Urgency(slot, now), Pause(slot, now.mono));
    next = next ? std::min(*next, wait) : wait;
  }
  return next;
}

std::optional<SystemTime> Cache::NextExpiry(SystemTime now) const {
  std::optional<SystemTime> next;
  for (const auto& [id, slot] : slots_) {
    if (slot.svid != nullptr && slot.svid->times.not_after > now) {
      next = next ? std::min(*next, slot.svid->times.not_after) : slot.svid->times.not_after;
    }
  }
  return next;
}

std::set<spiffe::TrustDomain> Cache::Federated() const {
  std::set<spiffe::TrustDomain> federated;
  for (const auto& [id, slot] : slots_) {
    federated.insert(slot.entry.federates_with.begin(), slot.entry.federates_with.end());
  }
  federated.erase(trust_domain_);
  return federated;
}

std::vector<Entry> Cache::Entries() const {
  std::vector<Entry> entries;
  entries.reserve(slots_.size());
  for (const auto& [id, slot] : slots_) {
    entries.push_back(slot.entry);
  }
  return entries;
}

std::shared_ptr<const Snapshot> Cache::Take(SystemTime now) {
  auto snapshot = std::make_shared<Snapshot>(Snapshot{.version = ++version_,
                                                      .taken_at = now,
                                                      .trust_domain = trust_domain_,
                                                      .bundles = bundles_,
                                                      .cross_certificates = cross_certificates_});
  for (const auto& [id, slot] : slots_) {
    snapshot->identities.push_back(
        std::make_shared<const Identity>(Identity{slot.entry, slot.svid}));
  }
  std::sort(snapshot->identities.begin(), snapshot->identities.end(),
            [](const auto& a, const auto& b) {
              return std::tie(a->entry.created_at, a->entry.id) <
                     std::tie(b->entry.created_at, b->entry.id);
            });
  return snapshot;
}

}  // namespace signet::svids
