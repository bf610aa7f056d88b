#include "examples/mtls/workload.h"

#include <csignal>
#include <cstdio>
#include <ctime>
#include <utility>

#include "core/base/encoding.h"

namespace example {
namespace {

// A short name for a key, enough to tell one from another.
std::string Short(const signet::Bytes& bytes) { return signet::HexEncode(bytes).substr(0, 8); }

sigset_t EndSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void Say(const std::string& name, const std::string& text) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  std::tm local{};
  localtime_r(&seconds, &local);
  std::printf("%02d:%02d:%02d.%03d  %-9s %s\n", local.tm_hour, local.tm_min, local.tm_sec,
              static_cast<int>(ms.count() % 1000), name.c_str(), text.c_str());
  std::fflush(stdout);
}

signet::Status Workload::Start(const Flags& flags) {
  if (flags.OneOf("resumption", {"off", "epoch"}) == "epoch") {
    resumption_ = signet::client::Resumption::kEpoch;
  }
  SIGNET_TRY_ASSIGN(
      source_, signet::client::X509Source::Open(
                   {.endpoint = flags.Get("socket"),
                    .on_update = [this](const signet::client::X509Snapshot& s) { OnUpdate(s); },
                    .on_problem = [this](const signet::Error& e) { OnProblem(e); }}));
  SIGNET_TRY(source_->WaitUntilReady(flags.Time("wait")));
  const auto snapshot = source_->Current();
  if (snapshot == nullptr) {
    return signet::Unavailable("the agent took the identity away again");
  }
  id_ = snapshot->default_identity().id().ToString();
  return {};
}

void Workload::OnUpdate(const signet::client::X509Snapshot& snapshot) {
  if (snapshot == nullptr) {
    Say(name_, "the agent took my identity away");
    return;
  }
  last_problem_.clear();
  const auto& leaf = snapshot->default_identity().svid.leaf();
  const bool first = serial_.empty();
  const bool new_leaf = !first && leaf.serial != serial_;
  const bool new_ca = !first && leaf.authority_key_id != issuer_;
  leaf_changes_ += new_leaf ? 1 : 0;
  ca_changes_ += new_ca ? 1 : 0;
  const std::string until = signet::FormatTime(leaf.not_after).substr(11, 8);
  if (first) {
    Say(name_, "I am " + snapshot->default_identity().id().ToString() + ", certificate " +
                   Short(leaf.serial) + " by authority " + Short(leaf.authority_key_id) +
                   ", until " + until);
  } else if (new_leaf) {
    Say(name_, "new certificate " + Short(leaf.serial) +
                   (new_ca ? " by a NEW authority " : " by authority ") +
                   Short(leaf.authority_key_id) + ", until " + until);
  }
  serial_ = leaf.serial;
  issuer_ = leaf.authority_key_id;
}

void Workload::OnProblem(const signet::Error& problem) {
  // The same problem comes with every attempt; once is enough.
  if (std::exchange(last_problem_, problem.message) != problem.message) {
    Say(name_, "agent: " + problem.message);
  }
}

std::string Workload::Changes() const {
  return "leaf_changes=" + std::to_string(leaf_changes_) +
         " ca_changes=" + std::to_string(ca_changes_);
}

int RunProgram(const Flags& flags,
               const std::function<signet::Result<bool>(Workload&, const Flags&)>& run) {
  BlockSignals();
  Workload workload(flags.Get("name"));
  if (const signet::Status ready = workload.Start(flags); !ready.ok()) {
    Say(workload.name(), "no identity: " + ready.error().message);
    return Workload::kNoIdentity;
  }
  const auto all_well = run(workload, flags);
  if (!all_well.ok()) {
    Say(workload.name(), all_well.error().message);
    return 2;
  }
  return *all_well ? 0 : 1;
}

void BlockSignals() {
  const sigset_t set = EndSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

void WaitForEnd(std::chrono::milliseconds time) {
  const sigset_t set = EndSignals();
  if (time.count() == 0) {
    int which = 0;
    sigwait(&set, &which);
    return;
  }
  const timespec limit = {time.count() / 1000, (time.count() % 1000) * 1'000'000};
  sigtimedwait(&set, nullptr, &limit);
}

}  // namespace example
