#include "core/base/clock.h"

#include <ctime>

namespace signet {

std::string FormatTime(SystemTime t) {
  const std::time_t seconds = static_cast<std::time_t>(UnixSeconds(t));
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, n};
}

SystemTime RealClock::Now() const { return std::chrono::system_clock::now(); }
MonoTime RealClock::Mono() const { return std::chrono::steady_clock::now(); }

SystemTime FakeClock::Now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

MonoTime FakeClock::Mono() const {
  const std::lock_guard lock(mutex_);
  return mono_;
}

void FakeClock::Advance(Duration by) {
  const std::lock_guard lock(mutex_);
  now_ += std::chrono::duration_cast<SystemTime::duration>(by);
  mono_ += std::chrono::duration_cast<MonoTime::duration>(by);
}

void FakeClock::JumpWall(Duration by) {
  const std::lock_guard lock(mutex_);
  now_ += std::chrono::duration_cast<SystemTime::duration>(by);
}

}  // namespace signet
