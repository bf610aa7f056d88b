#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "tests/e2e/flood/wire.h"

namespace signet::flood {

/// Experience is what a well-behaved client went through, in milliseconds.
struct Experience {
  std::uint64_t calls = 0;
  std::uint64_t failed = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
  std::string first_failure = {};
};

/// BeVictim makes a small call about every 10 ms until `stop`: most on one connection, every 20th
/// on a new one whose set-up counts as part of the call. A call that fails counts with the time it
/// took.
Experience BeVictim(const Target& target, const std::atomic<bool>& stop);

}  // namespace signet::flood
