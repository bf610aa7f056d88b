#include "examples/grpc/identity.h"

#include <csignal>
#include <cstdio>
#include <mutex>

#include "core/base/clock.h"

namespace example {
namespace {

namespace client = signet::client;

sigset_t EndSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

void TellUpdate(const client::X509Snapshot& snapshot) {
  if (snapshot == nullptr) {
    Say("the agent took my identity away");
    return;
  }
  const auto& identity = snapshot->default_identity();
  Say("certificate " + identity.svid.leaf().serial_decimal.substr(0, 8) + " for " +
      identity.id().ToString() + ", until " +
      signet::FormatTime(identity.svid.leaf().not_after).substr(11, 8));
}

}  // namespace

void Say(const std::string& text) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const std::string now = signet::FormatTime(signet::RealClock().Now());
  std::printf("%s  %s\n", now.substr(11, 8).c_str(), text.c_str());
  std::fflush(stdout);
}

signet::Result<std::shared_ptr<client::X509Source>> OpenIdentity(std::chrono::seconds patience) {
  SIGNET_TRY_ASSIGN(auto source, client::X509Source::Open({.on_update = TellUpdate}));
  SIGNET_TRY(source->WaitUntilReady(patience));
  return source;
}

void BlockSignals() {
  const sigset_t set = EndSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void WaitForEnd(std::chrono::seconds time) {
  const sigset_t set = EndSignals();
  if (time.count() == 0) {
    int which = 0;
    sigwait(&set, &which);
    return;
  }
  const timespec limit = {time.count(), 0};
  sigtimedwait(&set, nullptr, &limit);
}

}  // namespace example
