#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace signet {

using SystemTime = std::chrono::system_clock::time_point;  ///< wall clock, UTC
using MonoTime = std::chrono::steady_clock::time_point;    ///< never goes back
using Duration = std::chrono::nanoseconds;

/// UnixSeconds rounds down to whole seconds since 1970; this is how times are stored and sent.
inline std::int64_t UnixSeconds(SystemTime t) {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}
inline SystemTime FromUnixSeconds(std::int64_t seconds) { return SystemTime(std::chrono::seconds(seconds)); }

/// FormatTime gives RFC 3339 in UTC with seconds, e.g. "2026-11-22T02:09:09Z".
std::string FormatTime(SystemTime t);

/// Clock is the time that is handed to whoever needs it. Safe for several threads.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SystemTime Now() const = 0;
  virtual MonoTime Mono() const = 0;
};

/// RealClock reads the machine's clocks.
class RealClock final : public Clock {
 public:
  SystemTime Now() const override;
  MonoTime Mono() const override;
};

/// FakeClock stands still until a test moves it.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(SystemTime start = FromUnixSeconds(1'790'000'000)) : now_(start) {}
  SystemTime Now() const override;
  MonoTime Mono() const override;
  /// Advance moves both clocks forward.
  void Advance(Duration by);
  /// JumpWall moves the wall clock alone, as an operator or NTP would.
  void JumpWall(Duration by);

 private:
  mutable std::mutex mutex_;
  SystemTime now_;
  MonoTime mono_{};
};

}  // namespace signet
