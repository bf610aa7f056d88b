#include "workload-api/client/ticker.h"

#include <utility>

#include "core/base/ticker.h"

namespace signet::client {

Ticker::Ticker(Duration every, std::function<void()> tick)
    : ticker_(std::make_unique<signet::Ticker>([every, tick = std::move(tick)] {
        tick();
        return every;
      })) {}

Ticker::~Ticker() = default;

void Ticker::Wake() { ticker_->Wake(); }

}  // namespace signet::client
