#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "tests/e2e/flood/wire.h"

namespace signet::flood {

/// Figures of one attack, for the report: what the server let happen.
struct Figures {
  std::uint64_t sent = 0;         ///< frames, bytes or streams, as the attack counts
  std::uint64_t connections = 0;  ///< that the server let us open
  std::uint64_t refused = 0;      ///< that it did not
  std::uint64_t cut = 0;          ///< that it ended before we did
};

using Attack = std::function<Figures(const Target&, std::chrono::steady_clock::time_point end)>;

/// Attacks by name. Each ends by itself at `end`, or when its count is reached.
const std::map<std::string, Attack>& Attacks();

}  // namespace signet::flood
