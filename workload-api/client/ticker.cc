#include "workload-api/client/ticker.h"

#include <utility>

namespace signet::client {

Ticker::Ticker(Duration every, std::function<void()> tick)
    : ticker_([every, tick = std::move(tick)] {
        tick();
        return every;
      }) {}

void Ticker::Wake() { ticker_.Wake(); }

}  // namespace signet::client
