#include "workload-api/manager/manager.h"

#include <algorithm>
#include <utility>

#include "attestor/kubernetes/objects.h"

namespace signet::manager {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kForever = std::chrono::hours(1);
constexpr Duration kShortestWait = milliseconds(20);
constexpr Duration kFirstRetry = milliseconds(250);
constexpr int kMaxDoublings = 10;
// With the push stream open, polling is only a safety net.
constexpr int kIntervalsWhileWatching = 12;
constexpr Duration kRewatchAfter = seconds(1);
// A failure within this time is the server's answer, or nobody listens there: no call hangs.
constexpr Duration kQuickAnswer = seconds(2);
constexpr Duration kClockJump = seconds(60);

/// Hopeless: the server understood, and will not answer otherwise when asked again.
bool IsHopeless(Code code) {
  return code == Code::kPermissionDenied || code == Code::kInvalidArgument ||
         code == Code::kFailedPrecondition;
}

}  // namespace

Result<std::unique_ptr<Manager>> Manager::Create(ManagerOptions options, Environment environment,
                                                 svids::Hub& hub) {
  std::unique_ptr<Manager> manager(new Manager(std::move(options), environment, hub));
  SIGNET_TRY_ASSIGN(std::optional<spiffe::Bundle> bundle, environment.state.LoadBundle());
  if (bundle) {
    SIGNET_TRY(manager->Adopt(std::move(*bundle)).Context(environment.state.bundle_path()));
  }
  SIGNET_TRY(manager->keeper_.Load());
  return manager;
}

Manager::Manager(ManagerOptions options, Environment environment, svids::Hub& hub)
    : options_(std::move(options)),
      env_(environment),
      hub_(hub),
      keeper_(environment, options_.make_prover),
      issuer_(environment, options_.workload_key_type, options_.pod_facts),
      federation_(environment),
      cache_(options_.trust_domain) {}

Duration Manager::Step() {
  if (ended_) {
    return kForever;
  }
  NoticeClockJump();
  NoticePods();
  const Answer<> advanced = Advance();
  PublishIfChanged();  // also after a failure: what did arrive is served
  if (!advanced.ok()) {
    return AfterFailure(advanced.result.error());
  }
  failures_ = 0;
  last_failure_.clear();
  return UntilNext();
}

Answer<> Manager::Advance() {
  const MonoTime start = env_.clock.Mono();
  Answer<> first;
  using Part = Answer<> (Manager::*)();
  for (const Part part :
       {&Manager::EnsureTrust, &Manager::EnsureIdentity, &Manager::SyncIfDue, &Manager::IssueDue}) {
    Answer<> answer = (this->*part)();
    if (answer.ok()) {
      continue;
    }
    HandleDenial(answer.denial, answer.result.error());
    if (first.ok()) {
      first = std::move(answer);
    }
    // A server that cannot list entries for now (it waits for a cluster's API server) still renews
    // those that are known. One that does not answer at all is not asked again.
    const bool answered = env_.clock.Mono() - start < kQuickAnswer;
    if (first.denial != Denial::kNone || !have_entries_ || !keeper_.has_identity() || !answered) {
      break;
    }
  }
  return first;
}

Answer<> Manager::EnsureTrust() {
  if (trust_) {
    return {};
  }
  if (!options_.first_trust) {
    // Insecure bootstrap: attesting brings the bundle; an identity that was kept without one asks
    // for it here.
    return keeper_.has_identity() ? SyncBundle() : Answer<>{};
  }
  Result<spiffe::Bundle> bundle = options_.first_trust();
  if (!bundle.ok()) {
    return {std::move(bundle).error().Context("waiting for the trust bundle")};
  }
  return {Adopt(std::move(*bundle))};
}

Answer<> Manager::EnsureIdentity() {
  if (keeper_.has_identity()) {
    return keeper_.RenewIfDue(*trust_);
  }
  Answer<> attested = keeper_.Attest(trust_);
  if (!attested.ok()) {
    Error error = std::move(attested.result).error().Context("attesting to the server");
    if (IsHopeless(error.code) && !keeper_.evidence_renews()) {
      keeper_.Forget();
      End(error);
    }
    return {std::move(error)};
  }
  // The bundle that came with the agent has done its work; the server's own replaces it at once
  // (spire-api §8.1).
  if (Answer<> bundle = SyncBundle(); !bundle.ok()) {
    return bundle;
  }
  const Answer<> posted = env_.upstream.PostStatus(trust_->bundle().sequence, options_.version);
  if (!posted.ok()) {
    env_.logger.Debug("the server did not take the agent's status",
                      {{"error", posted.result.error()}});
  }
  return {};
}

bool Manager::NewsFromServer() const {
  return env_.upstream.watch_state() == WatchState::kOpen &&
         env_.upstream.server_state().revision != synced_revision_;
}

Answer<> Manager::SyncIfDue() {
  WatchIfPossible();
  const bool watching = env_.upstream.watch_state() == WatchState::kOpen;
  const Duration interval = options_.sync_interval * (watching ? kIntervalsWhileWatching : 1);
  if (last_sync_ && env_.clock.Mono() - *last_sync_ < interval && !NewsFromServer()) {
    return {};
  }
  const std::uint64_t revision =
      env_.upstream.server_state().revision;  // before asking: what comes later is news
  const MonoTime start = env_.clock.Mono();
  Answer<> first;
  for (Answer<> (Manager::*const part)() :
       {&Manager::SyncEntries, &Manager::SyncBundle, &Manager::SyncFederated}) {
    Answer<> answer = (this->*part)();
    if (!answer.ok() && first.ok()) {
      first = std::move(answer);
    }
    // A bundle is news even while entries cannot be listed.
    if (!first.ok() && (first.denial != Denial::kNone || !have_entries_ ||
                        env_.clock.Mono() - start >= kQuickAnswer)) {
      break;
    }
  }
  if (!first.ok()) {
    return first;
  }
  last_sync_ = env_.clock.Mono();
  synced_revision_ = revision;
  return {};
}

Answer<> Manager::SyncEntries() {
  const std::vector<svids::Entry> known = cache_.Entries();
  Answer<std::vector<svids::Entry>> entries = env_.upstream.SyncEntries(known);
  if (!entries.ok()) {
    return {std::move(entries.result).error().Context("syncing entries"), entries.denial};
  }
  cache_.SetEntries(std::move(*entries.result));
  have_entries_ = true;
  if (cache_.Entries() != known) {
    dirty_ = true;
  }
  return {};
}

Answer<> Manager::SyncBundle() {
  const bool told = env_.upstream.watch_state() == WatchState::kOpen;
  if (told && bundle_confirmed_ &&
      env_.upstream.server_state().bundle_sequence == trust_->bundle().sequence) {
    return {};
  }
  Answer<spiffe::Bundle> bundle = env_.upstream.FetchBundle();
  if (!bundle.ok()) {
    return {std::move(bundle.result).error().Context("fetching the trust bundle"), bundle.denial};
  }
  // The first one is saved even if it brings nothing new: the bundle to begin with is in no file of
  // ours.
  const bool first = !std::exchange(bundle_confirmed_, true);
  if (!first && trust_->bundle() == *bundle.result) {
    return {};
  }
  if (Status adopted = Adopt(std::move(*bundle.result)); !adopted.ok()) {
    return {Unavailable("the server's trust bundle cannot be used: " + adopted.error().message)};
  }
  if (const Status saved = env_.state.SaveBundle(trust_->bundle()); !saved.ok()) {
    env_.logger.Error("the trust bundle could not be saved", {{"error", saved.error()}});
  }
  env_.logger.Info("trust bundle updated",
                   {{"sequence", trust_->bundle().sequence},
                    {"x509_authorities", trust_->bundle().x509_authorities.size()}});
  return {};
}

Status Manager::Adopt(spiffe::Bundle bundle) {
  SIGNET_TRY_ASSIGN(trust_, Trust::Create(std::move(bundle)));
  env_.upstream.Trust(trust_->stores());
  cache_.SetBundle(trust_->bundle());
  dirty_ = true;
  return {};
}

Answer<> Manager::SyncFederated() {
  Answer<> answer = federation_.Sync(cache_);
  dirty_ |= federation_.TakeChanged();
  return answer;
}

Answer<> Manager::IssueDue() {
  const std::vector<svids::Entry> due = cache_.Due(Now());
  if (due.empty()) {
    return {};
  }
  bool refreshed = false;
  const auto refresh = [this, &refreshed]() -> const Trust* {
    if (!refreshed) {
      refreshed = true;
      bundle_confirmed_ = false;
      (void)SyncBundle();  // if it fails, the SVID is judged by the old bundle and refused
    }
    return &*trust_;
  };
  Answer<> answer = issuer_.Issue(due, *trust_, refresh, cache_);
  if (issuer_.issued() > 0) {
    dirty_ = true;
    env_.logger.Debug("X509-SVIDs issued", {{"count", issuer_.issued()}});
  }
  return answer;
}

void Manager::WatchIfPossible() {
  const bool watching = env_.upstream.watch_state() == WatchState::kOpen;
  if (std::exchange(watching_, watching) && !watching) {
    last_sync_.reset();  // the server ended it, or went away; which of the two, the next sync tells
  }
  if (env_.upstream.watch_state() != WatchState::kClosed ||
      (last_watch_ && env_.clock.Mono() - *last_watch_ < kRewatchAfter)) {
    return;
  }
  last_watch_ = env_.clock.Mono();
  // Before the first snapshot nothing is served, so whatever the agent trusts has been handed to
  // all workloads there are.
  env_.upstream.Watch(svids::AuthorityIds(trust_->bundle()), options_.wake);
}

void Manager::PublishIfChanged() {
  const SystemTime now = env_.clock.Now();
  if (!have_entries_ || (!dirty_ && (!next_expiry_ || now < *next_expiry_))) {
    return;
  }
  dirty_ = false;
  next_expiry_ = cache_.NextExpiry(now);
  hub_.Publish(cache_.Take(now),
               [&upstream = env_.upstream, ids = svids::AuthorityIds(trust_->bundle())] {
                 upstream.Acknowledge(ids);
               });
  synced_ = true;
}

void Manager::HandleDenial(Denial denial, const Error& error) {
  if (denial == Denial::kNone || ended_) {
    return;
  }
  last_sync_.reset();
  if (denial == Denial::kBanned) {
    keeper_.Forget();
    End(PermissionDenied("this agent was banned by the server; its identity has been deleted"));
    return;
  }
  env_.logger.Warn("the server no longer accepts the agent's identity; attesting again",
                   {{"error", error}});
  keeper_.Drop();
}

void Manager::End(Error error) {
  ended_ = true;
  synced_ = false;
  env_.logger.Error("the agent cannot go on", {{"error", error}});
  hub_.Close(PermissionDenied("the agent of this node has lost its identity: " + error.message));
  options_.end(error);
}

Duration Manager::AfterFailure(const Error& error) {
  if (ended_) {
    return kForever;
  }
  const Duration longest = std::max<Duration>(2 * options_.sync_interval, kFirstRetry);
  const Duration doubled = kFirstRetry * (1 << std::min(failures_, kMaxDoublings));
  ++failures_;
  const auto pause = std::chrono::duration_cast<Duration>(std::min(doubled, longest) *
                                                          (0.5 + 0.5 * env_.random.Uniform01()));
  hub_.SetReason("the agent is not ready: " + error.message);
  if (error.message != last_failure_) {
    last_failure_ = error.message;
    env_.logger.Warn("the server cannot be used; trying again",
                     {{"error", error},
                      {"retry_in_ms", std::chrono::duration_cast<milliseconds>(pause).count()}});
  }
  // What ends meanwhile must not be given to new streams.
  return next_expiry_ ? std::clamp<Duration>(*next_expiry_ - env_.clock.Now(), kShortestWait, pause)
                      : pause;
}

Duration Manager::UntilNext() const {
  Duration wait = options_.sync_interval;
  wait = std::min(wait, keeper_.RenewIn());
  if (const auto due = cache_.NextDue(Now())) {
    wait = std::min(wait, *due);
  }
  if (next_expiry_) {
    wait = std::min<Duration>(wait, *next_expiry_ - env_.clock.Now());
  }
  return std::max(wait, kShortestWait);
}

void Manager::PodChanged(const std::string& pod_uid) {
  {
    const std::lock_guard lock(mutex_);
    changed_pods_.insert(pod_uid);
  }
  options_.wake();
}

void Manager::NoticePods() {
  std::set<std::string> changed;
  {
    const std::lock_guard lock(mutex_);
    changed.swap(changed_pods_);
  }
  for (const std::string& uid : changed) {
    cache_.AskAgain(std::string(kubernetes::kPodEntryPrefix) + uid);
  }
}

void Manager::NoticeClockJump() {
  const svids::Moment now = Now();
  if (last_step_) {
    const Duration jump = (now.wall - last_step_->wall) - (now.mono - last_step_->mono);
    if (jump > kClockJump || jump < -kClockJump) {
      env_.logger.Warn(
          "the wall clock was set; schedules follow the monotonic clock where it went back",
          {{"by_seconds", std::chrono::duration_cast<seconds>(jump).count()}});
      last_sync_ = std::nullopt;
      dirty_ = true;
    }
  }
  last_step_ = now;
}

}  // namespace signet::manager
