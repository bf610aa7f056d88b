#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/spiffe/spiffe_id.h"

namespace signet::authorizer {

/// Verified is the outcome of one chain verification, and what it depends on.
struct Verified {
  spiffe::SpiffeId id;
  std::shared_ptr<const Bytes> bundle;  ///< that it was verified against
  SystemTime from;                      ///< when
  SystemTime until;                     ///< when the first certificate of chain or bundle ends
};

/// VerifiedCache remembers the chains that were found good, by the hash of the header's bytes. It
/// never remembers a refusal, and never who may do what. The least recently used goes first. One
/// thread.
class VerifiedCache {
 public:
  using Key = std::array<std::uint8_t, 32>;
  explicit VerifiedCache(std::size_t capacity) : capacity_(capacity) {}

  /// Find gives what was verified under the key if that still holds at `now`; else it is forgotten.
  const Verified* Find(const Key& key, SystemTime now);
  void Put(const Key& key, Verified verified);
  void Forget(const Key& key);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Verified verified;
    std::list<Key>::iterator place;
  };
  const std::size_t capacity_;
  std::list<Key> order_;  ///< most recently used first
  std::map<Key, Entry> entries_;
};

}  // namespace signet::authorizer
