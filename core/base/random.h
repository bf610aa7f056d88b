#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string>

namespace signet {

/// Random fills buffers with unpredictable bytes. Safe for several threads; failure aborts, since nothing secure can
/// go on without randomness.
class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(std::span<std::uint8_t> out) = 0;

  /// Uniform01 gives a number in [0, 1), for jitter.
  double Uniform01();
};

/// SystemRandom reads getrandom(2).
class SystemRandom final : public Random {
 public:
  void Fill(std::span<std::uint8_t> out) override;
};

/// FakeRandom repeats the same sequence for the same seed; for tests alone.
class FakeRandom final : public Random {
 public:
  explicit FakeRandom(std::uint64_t seed = 1) : state_(seed) {}
  void Fill(std::span<std::uint8_t> out) override;

 private:
  std::mutex mutex_;
  std::uint64_t state_;
};

/// NewUuid gives a random UUID (RFC 9562 version 4) in lower-case text.
std::string NewUuid(Random& random);

}  // namespace signet
