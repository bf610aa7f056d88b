#include "attestor/workload/unix/binary_hash.h"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/base/encoding.h"
#include "core/base/files.h"
#include "core/crypto/hash.h"

namespace signet::attestor {
namespace {

constexpr std::size_t kMaxKnown = 1024;
constexpr std::size_t kReadBytes = 64 * 1024;
// Two writes within one tick of the file system's clock leave the same ctime; a file that young is
// not remembered.
constexpr std::int64_t kSettledAfterSeconds = 2;

Result<std::string> ReadAndHash(int fd, std::uint64_t max_bytes) {
  crypto::Sha256Stream stream;
  std::array<std::uint8_t, kReadBytes> buffer;
  std::uint64_t offset = 0;
  while (true) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return Unavailable("cannot read the program file: " + ErrnoText(errno));
    }
    if (n == 0) {
      return HexEncode(stream.Finish());
    }
    offset += static_cast<std::uint64_t>(n);
    if (offset > max_bytes) {
      return ResourceExhausted("program file is larger than " + std::to_string(max_bytes) +
                               " bytes");
    }
    stream.Update(ByteView(buffer.data(), static_cast<std::size_t>(n)));
  }
}

}  // namespace

BinaryHasher::Key BinaryHasher::KeyOf(const struct stat& file) {
  return {file.st_dev,          file.st_ino,         file.st_size,        file.st_mtim.tv_sec,
          file.st_mtim.tv_nsec, file.st_ctim.tv_sec, file.st_ctim.tv_nsec};
}

Result<std::string> BinaryHasher::Hash(int fd) {
  struct stat before {};
  if (::fstat(fd, &before) != 0 || !S_ISREG(before.st_mode)) {
    return Unavailable("the program is no regular file");
  }
  if (static_cast<std::uint64_t>(before.st_size) > max_bytes_) {
    return ResourceExhausted("program file is larger than " + std::to_string(max_bytes_) +
                             " bytes");
  }
  const Key key = KeyOf(before);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(key); found != known_.end()) {
      return found->second;
    }
    ++readings_;
  }
  SIGNET_TRY_ASSIGN(std::string hash, ReadAndHash(fd, max_bytes_));
  struct stat after {};
  if (::fstat(fd, &after) != 0 || KeyOf(after) != key) {
    return FailedPrecondition("the program file changed while it was read");
  }
  Remember(key, after, hash);
  return hash;
}

void BinaryHasher::Remember(const Key& key, const struct stat& file, const std::string& hash) {
  if (UnixSeconds(clock_.Now()) - file.st_ctim.tv_sec < kSettledAfterSeconds) {
    return;
  }
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnown) {
    known_.clear();  // rare, and one reading each brings the living ones back
  }
  known_.emplace(key, hash);
}

std::uint64_t BinaryHasher::readings() const {
  const std::lock_guard lock(mutex_);
  return readings_;
}

}  // namespace signet::attestor
