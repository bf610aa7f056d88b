#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/spiffe/bundle.h"
#include "workload-api/svids/identity.h"
#include "workload-api/svids/snapshot.h"

namespace signet::svids {

/// Moment is now on both clocks.
struct Moment {
  SystemTime wall;
  MonoTime mono;
};

/// Cache holds what the agent knows: entries, their SVIDs, bundles. It decides which SVIDs must be
/// (re)issued and makes snapshots. Pure; one thread.
class Cache {
 public:
  explicit Cache(spiffe::TrustDomain trust_domain) : trust_domain_(std::move(trust_domain)) {}

  /// SetEntries replaces all entries. SVIDs of entries that are gone, or that now mean another
  /// SPIFFE ID, are dropped; those of entries whose certificate would look different are kept until
  /// the new one comes. Bundles that no entry federates with any more are dropped too: nobody would
  /// refresh them.
  void SetEntries(std::vector<Entry> entries);
  /// SetBundle stores a bundle; SVIDs of tainted authorities become due. Both tell whether anything
  /// that is served has changed.
  bool SetBundle(const spiffe::Bundle& bundle);
  bool RemoveBundle(const spiffe::TrustDomain& trust_domain);
  /// SetCrossCertificates replaces all of them. A list that means the same as the one before (a
  /// server that was started again signs anew) is left as it was. True if anything has changed.
  bool SetCrossCertificates(std::map<spiffe::TrustDomain, std::vector<Bytes>> lists);
  /// PutSvid serves an SVID from now on, issued for the entry as it was when it was asked for. An
  /// entry that has gone or changed its ID since is left alone.
  void PutSvid(const Entry& entry, std::shared_ptr<const WorkloadSvid> svid);

  /// Refused keeps an entry out of Due for a while, as the server would not issue for it; asking
  /// again at once seldom helps, and must not hold up the others. Pauses grow from a quarter of a
  /// second to half a minute, shortened by up to half by `jitter` in [0, 1). Returns how many times
  /// running that was.
  int Refused(const std::string& entry_id, MonoTime now, double jitter);
  /// AskAgain ends such a pause: what the server looks at has changed.
  void AskAgain(const std::string& entry_id);

  /// Due lists the entries that need a new SVID, the most urgent first: those without any, then by
  /// time left.
  std::vector<Entry> Due(const Moment& now) const;
  /// NextDue is the time until one more comes due; nullopt without SVIDs.
  std::optional<Duration> NextDue(const Moment& now) const;
  /// NextExpiry is the first moment after `now` at which an SVID ends.
  std::optional<SystemTime> NextExpiry(SystemTime now) const;
  /// Federated lists the foreign trust domains that some entry federates with.
  std::set<spiffe::TrustDomain> Federated() const;
  std::vector<Entry> Entries() const;

  /// Take makes the snapshot of this moment; each has a higher version.
  std::shared_ptr<const Snapshot> Take(SystemTime now);

 private:
  struct Slot {
    Entry entry;
    std::shared_ptr<const WorkloadSvid> svid = nullptr;
    std::optional<Entry> issued_for = {};  ///< the entry as it was when the SVID was asked for
    int refusals = 0;                      ///< since the last SVID or change of the entry
    std::optional<MonoTime> paused_until = {};
  };
  static Duration Pause(const Slot& slot, MonoTime now);
  Duration Urgency(const Slot& slot, const Moment& now) const;

  const spiffe::TrustDomain trust_domain_;
  std::map<std::string, Slot> slots_;  ///< by entry id
  std::map<spiffe::TrustDomain, std::shared_ptr<const Bytes>> bundles_;
  CrossCertificates cross_certificates_;
  std::set<std::string> tainted_;  ///< authority ids of the own trust domain
  std::uint64_t version_ = 0;
};

/// AuthorityIds gives the lower-case hex SubjectKeyIds of a bundle's X.509 authorities, or of its
/// tainted ones alone.
std::vector<std::string> AuthorityIds(const spiffe::Bundle& bundle, bool tainted_only = false);

}  // namespace signet::svids
