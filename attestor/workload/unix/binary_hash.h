#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace signet::attestor {

/// BinaryHasher gives the SHA-256 of program files and remembers it by (device, inode, size, mtime,
/// ctime), so that a thousand connections of one program cost one reading. Safe for several
/// threads.
class BinaryHasher {
 public:
  /// Files above max_bytes are refused, so that one caller cannot keep the disk busy. The clock
  /// must outlive this.
  BinaryHasher(std::uint64_t max_bytes, const Clock& clock)
      : max_bytes_(max_bytes), clock_(clock) {}

  /// Hash reads the file behind fd. RESOURCE_EXHAUSTED: too big; FAILED_PRECONDITION: it changed
  /// while it was read.
  Result<std::string> Hash(int fd);

  /// readings counts the files that were really read.
  std::uint64_t readings() const;

 private:
  using Key = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t, std::int64_t,
                         std::int64_t, std::int64_t>;
  static Key KeyOf(const struct stat& file);
  void Remember(const Key& key, const struct stat& file, const std::string& hash);

  const std::uint64_t max_bytes_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<Key, std::string> known_;
  std::uint64_t readings_ = 0;
};

}  // namespace signet::attestor
