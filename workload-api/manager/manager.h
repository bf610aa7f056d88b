#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "core/crypto/key.h"
#include "workload-api/manager/federation.h"
#include "workload-api/manager/node_keeper.h"
#include "workload-api/manager/state_dir.h"
#include "workload-api/manager/svid_issuer.h"
#include "workload-api/manager/trust.h"
#include "workload-api/manager/upstream.h"
#include "workload-api/svids/cache.h"
#include "workload-api/svids/hub.h"

namespace signet::manager {

struct ManagerOptions {
  spiffe::TrustDomain trust_domain;
  crypto::KeyType workload_key_type = crypto::KeyType::kEcP256;
  Duration sync_interval = std::chrono::seconds(5);
  std::string version = {};
  /// first_trust reads the bundle to begin with, when the data directory has none yet. An error
  /// means that it is not there yet: the manager waits for it. Empty with insecure bootstrap.
  std::function<Result<spiffe::Bundle>()> first_trust = {};
  ProverFactory make_prover = {};
  FindPodFacts pod_facts = {};
  /// wake asks for a Step soon; any thread. end is told once, when the agent cannot go on.
  std::function<void()> wake = [] {};
  std::function<void(const Error&)> end = [](const Error&) {};
};

/// Manager drives an agent: trust → attest → sync → serve, and then keeps everything fresh. It is
/// one step function for one thread (a Ticker); tests call it by hand.
///
/// Outages: every failure is retried with growing, jittered pauses, while the hub goes on serving
/// what it has. Only a refusal that asking again cannot mend ends the agent.
class Manager {
 public:
  /// Create loads what the data directory holds.
  static Result<std::unique_ptr<Manager>> Create(ManagerOptions options, Environment environment,
                                                 svids::Hub& hub);

  /// Step does what is due and returns how long nothing more will be.
  Duration Step();

  /// PodChanged: what pod_facts tells of a pod is new; if the server refused it, it is asked again
  /// at once. Any thread.
  void PodChanged(const std::string& pod_uid);

  /// synced: identities are being served. Any thread.
  bool synced() const { return synced_; }

 private:
  Manager(ManagerOptions options, Environment environment, svids::Hub& hub);

  Answer<> Advance();
  Answer<> EnsureTrust();
  Answer<> EnsureIdentity();
  Answer<> SyncIfDue();
  Answer<> SyncEntries();
  Answer<> SyncBundle();
  Answer<> SyncFederated();
  Answer<> IssueDue();
  Status Adopt(spiffe::Bundle bundle);
  void PublishIfChanged();
  void WatchIfPossible();
  bool NewsFromServer() const;

  Duration AfterFailure(const Error& error);
  void HandleDenial(Denial denial, const Error& error);
  void End(Error error);
  Duration UntilNext() const;
  svids::Moment Now() const { return {env_.clock.Now(), env_.clock.Mono()}; }
  void NoticeClockJump();
  void NoticePods();

  const ManagerOptions options_;
  Environment env_;
  svids::Hub& hub_;
  NodeKeeper keeper_;
  SvidIssuer issuer_;
  Federation federation_;
  svids::Cache cache_;
  std::optional<Trust> trust_;
  bool bundle_confirmed_ =
      false;  ///< fetched from the server in this life, not only read from disk

  std::optional<MonoTime> last_sync_;
  std::uint64_t synced_revision_ = 0;
  std::optional<MonoTime> last_watch_;
  bool watching_ = false;
  bool have_entries_ = false;  ///< entries were synced at least once
  bool dirty_ = false;         ///< the cache holds what the hub has not seen
  std::optional<SystemTime> next_expiry_;
  std::optional<svids::Moment> last_step_;
  int failures_ = 0;
  std::string last_failure_;
  bool ended_ = false;
  std::atomic<bool> synced_ = false;

  std::mutex mutex_;
  std::set<std::string> changed_pods_;  ///< guarded by mutex_
};

}  // namespace signet::manager
