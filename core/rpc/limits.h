#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/base/clock.h"
#include "core/rpc/server.h"

namespace signet::rpc {

/// TokenBucket holds up to `burst` tokens and gains `rate` a second. A fresh one is full.
class TokenBucket {
 public:
  TokenBucket(double rate, double burst) : rate_(rate), burst_(burst), tokens_(burst) {}
  bool Take(MonoTime now);
  /// Give returns a token, at most to the burst.
  void Give();
  bool Full(MonoTime now);

 private:
  void Refill(MonoTime now);
  double rate_;
  double burst_;
  double tokens_;
  std::optional<MonoTime> at_;
};

/// Usage is what a peer, or all peers together, hold right now.
struct Usage {
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> calls{0};
  std::atomic<std::size_t> bytes{0};  ///< unfinished requests and unread answers
};

class PeerTable;

/// Slot is one connection's place in the accounts; it gives everything back when it ends.
/// ReserveCall and ReserveBytes may be called from any thread.
class Slot {
 public:
  Slot(PeerTable& table, std::shared_ptr<Usage> peer, const Limits& limits);
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  bool ReserveCall();
  void ReleaseCall();
  bool ReserveBytes(std::size_t n);
  void ReleaseBytes(std::size_t n);

 private:
  const std::shared_ptr<Usage> total_;
  const std::shared_ptr<Usage> peer_;
  const std::size_t max_calls_;
  const std::size_t max_bytes_;
};

/// PeerTable counts per peer and in total. Safe for several threads; bounded by the peers that are
/// connected or were within the time their bucket takes to fill.
class PeerTable {
 public:
  /// Admit takes a place for a new connection, or says which limit is reached.
  Result<std::shared_ptr<Slot>> Admit(const std::string& peer, const Limits& limits, MonoTime now);
  std::size_t connections() const { return total_->connections; }
  std::size_t calls() const { return total_->calls; }
  std::size_t bytes() const { return total_->bytes; }
  std::size_t peers() const;

 private:
  friend class Slot;
  struct Entry {
    TokenBucket arrivals;
    std::shared_ptr<Usage> usage;
  };
  void Sweep(MonoTime now);

  const std::shared_ptr<Usage> total_ = std::make_shared<Usage>();
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> peers_;
  std::size_t sweep_at_ = 256;
};

/// AddressKey is what limits count a TCP address by: itself for IPv4, its /64 for IPv6.
std::string AddressKey(const std::string& numeric_host);

}  // namespace signet::rpc
