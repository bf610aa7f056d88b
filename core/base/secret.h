#pragma once

#include "core/base/bytes.h"

namespace signet {

/// Secret holds key or token bytes: not copyable, not printable, wiped when it ends. The one way to read it is
/// RevealSecret(), so that every reader can be found with grep.
class Secret {
 public:
  Secret() = default;
  /// Takes the bytes over; the caller's vector is left empty.
  explicit Secret(Bytes&& bytes);
  ~Secret();
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  /// RevealSecret views the bytes; the view must not outlive this object.
  ByteView RevealSecret() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

  /// Clone makes the second copy that a caller explicitly asks for.
  Secret Clone() const { return Secret(Bytes(bytes_)); }

 private:
  Bytes bytes_;
};

/// WipeBytes overwrites memory in a way that the optimiser keeps.
void WipeBytes(std::span<std::uint8_t> bytes);

}  // namespace signet
