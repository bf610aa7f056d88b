#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "core/base/bytes.h"

namespace signet::crypto {

std::array<std::uint8_t, 20> Sha1(ByteView data);
std::array<std::uint8_t, 32> Sha256(ByteView data);

/// Sha256Stream hashes data that comes in pieces (a binary on disk).
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;
  void Update(ByteView data);
  /// Finish ends the hash; call it once.
  std::array<std::uint8_t, 32> Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// ConstantTimeEqual compares secrets (tokens) without telling where they differ.
bool ConstantTimeEqual(ByteView a, ByteView b);

}  // namespace signet::crypto
