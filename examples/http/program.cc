#include "examples/http/program.h"

#include <csignal>
#include <cstdio>
#include <mutex>

#include "core/base/clock.h"

namespace example {
namespace {

namespace client = signet::client;

void OnUpdate(const client::X509Snapshot& snapshot) {
  if (snapshot == nullptr) {
    Say("the agent took my identity away");
    return;
  }
  const auto& svid = snapshot->default_identity().svid;
  Say("I am " + svid.id.ToString() + ", certificate " + svid.leaf().serial_decimal + " until " +
      signet::FormatTime(svid.leaf().not_after));
}

}  // namespace

void Say(const std::string& text) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::printf("%s %s\n", signet::FormatTime(signet::RealClock().Now()).c_str(), text.c_str());
  std::fflush(stdout);
}

signet::Result<std::shared_ptr<client::X509Source>> OpenIdentity(std::chrono::seconds patience) {
  SIGNET_TRY_ASSIGN(auto source, client::X509Source::Open({.on_update = OnUpdate}));
  SIGNET_TRY(source->WaitUntilReady(patience));
  return source;
}

void BlockSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool Wait(std::chrono::milliseconds time) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  const timespec limit = {time.count() / 1000, (time.count() % 1000) * 1'000'000};
  return sigtimedwait(&set, nullptr, &limit) < 0;
}

}  // namespace example
