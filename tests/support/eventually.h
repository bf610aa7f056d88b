#pragma once

#include <functional>

#include "core/base/clock.h"

namespace signet::test {

/// Eventually asks again and again until the answer is yes; false if it is still no when the limit
/// has passed. For what real threads and processes do; whoever has a clock of its own to advance
/// does not need it.
bool Eventually(const std::function<bool()>& question, Duration limit = std::chrono::seconds(20));

}  // namespace signet::test
