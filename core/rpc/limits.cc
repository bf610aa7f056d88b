#include "core/rpc/limits.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace signet::rpc {
namespace {

/// TryAdd adds n unless the sum would pass max.
bool TryAdd(std::atomic<std::size_t>& counter, std::size_t n, std::size_t max) {
  if (counter.fetch_add(n, std::memory_order_relaxed) + n <= max) {
    return true;
  }
  counter.fetch_sub(n, std::memory_order_relaxed);
  return false;
}

}  // namespace

void TokenBucket::Refill(MonoTime now) {
  if (at_ && now > *at_) {
    const double seconds = std::chrono::duration<double>(now - *at_).count();
    tokens_ = std::min(burst_, tokens_ + seconds * rate_);
  }
  at_ = now;
}

bool TokenBucket::Take(MonoTime now) {
  Refill(now);
  if (tokens_ < 1) {
    return false;
  }
  tokens_ -= 1;
  return true;
}

void TokenBucket::Give() { tokens_ = std::min(burst_, tokens_ + 1); }

bool TokenBucket::Full(MonoTime now) {
  Refill(now);
  return tokens_ >= burst_;
}

Slot::Slot(PeerTable& table, std::shared_ptr<Usage> peer, const Limits& limits)
    : total_(table.total_),
      peer_(std::move(peer)),
      max_calls_(limits.max_calls_per_peer),
      max_bytes_(limits.max_buffered_bytes) {}

Slot::~Slot() {
  total_->connections.fetch_sub(1, std::memory_order_relaxed);
  peer_->connections.fetch_sub(1, std::memory_order_relaxed);
}

bool Slot::ReserveCall() {
  if (!TryAdd(peer_->calls, 1, max_calls_)) {
    return false;
  }
  total_->calls.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Slot::ReleaseCall() {
  peer_->calls.fetch_sub(1, std::memory_order_relaxed);
  total_->calls.fetch_sub(1, std::memory_order_relaxed);
}

bool Slot::ReserveBytes(std::size_t n) {
  // One peer may take half, so that the others always find room.
  if (!TryAdd(peer_->bytes, n, max_bytes_ / 2)) {
    return false;
  }
  if (!TryAdd(total_->bytes, n, max_bytes_)) {
    peer_->bytes.fetch_sub(n, std::memory_order_relaxed);
    return false;
  }
  return true;
}

void Slot::ReleaseBytes(std::size_t n) {
  peer_->bytes.fetch_sub(n, std::memory_order_relaxed);
  total_->bytes.fetch_sub(n, std::memory_order_relaxed);
}

Result<std::shared_ptr<Slot>> PeerTable::Admit(const std::string& peer, const Limits& limits,
                                               MonoTime now) {
  const std::lock_guard lock(mutex_);
  if (peers_.size() >= sweep_at_) {
    Sweep(now);
  }
  const double rate = limits.new_connections_per_second_per_peer;
  auto [entry, fresh] =
      peers_.try_emplace(peer, Entry{TokenBucket(rate, 2 * rate), std::make_shared<Usage>()});
  if (!entry->second.arrivals.Take(now)) {
    return ResourceExhausted("too many new connections a second from " + peer);
  }
  Usage& usage = *entry->second.usage;
  if (!TryAdd(usage.connections, 1, limits.max_connections_per_peer)) {
    return ResourceExhausted("too many connections from " + peer);
  }
  if (!TryAdd(total_->connections, 1, limits.max_connections)) {
    usage.connections.fetch_sub(1, std::memory_order_relaxed);
    return ResourceExhausted("too many connections");
  }
  return std::make_shared<Slot>(*this, entry->second.usage, limits);
}

void PeerTable::Sweep(MonoTime now) {
  for (auto item = peers_.begin(); item != peers_.end();) {
    Entry& entry = item->second;
    const bool absent = entry.usage->connections == 0 && entry.usage->bytes == 0;
    item = absent && entry.arrivals.Full(now) ? peers_.erase(item) : std::next(item);
  }
  sweep_at_ = std::max<std::size_t>(256, 2 * peers_.size());
}

std::size_t PeerTable::peers() const {
  const std::lock_guard lock(mutex_);
  return peers_.size();
}

std::string AddressKey(const std::string& numeric_host) {
  in6_addr address{};
  if (::inet_pton(AF_INET6, numeric_host.c_str(), &address) != 1) {
    return numeric_host;
  }
  std::memset(address.s6_addr + 8, 0, 8);
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET6, &address, text, sizeof text);
  return std::string(text) + "/64";
}

}  // namespace signet::rpc
