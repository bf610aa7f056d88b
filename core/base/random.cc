#include "core/base/random.h"

#include <sys/random.h>

#include <array>
#include <cerrno>

#include "core/base/check.h"
#include "core/base/encoding.h"

namespace signet {

double Random::Uniform01() {
  std::array<std::uint8_t, 8> raw{};
  Fill(raw);
  std::uint64_t bits = 0;
  for (const std::uint8_t byte : raw) {
    bits = (bits << 8) | byte;
  }
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

void SystemRandom::Fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t n = ::getrandom(out.data(), out.size(), 0);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    SIGNET_CHECK(n > 0, "getrandom failed");
    out = out.subspan(static_cast<std::size_t>(n));
  }
}

void FakeRandom::Fill(std::span<std::uint8_t> out) {
  const std::lock_guard lock(mutex_);
  for (std::uint8_t& byte : out) {
    // SplitMix64 step; only its repeatability matters.
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    byte = static_cast<std::uint8_t>(z >> 56);
  }
}

std::string NewUuid(Random& random) {
  std::array<std::uint8_t, 16> raw{};
  random.Fill(raw);
  raw[6] = static_cast<std::uint8_t>((raw[6] & 0x0f) | 0x40);
  raw[8] = static_cast<std::uint8_t>((raw[8] & 0x3f) | 0x80);
  std::string text = HexEncode(raw);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) {
    text.insert(at, 1, '-');
  }
  return text;
}

}  // namespace signet
