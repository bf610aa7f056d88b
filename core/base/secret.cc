#include "core/base/secret.h"

#include <string.h>  // explicit_bzero

#include <utility>

namespace signet {

void WipeBytes(std::span<std::uint8_t> bytes) {
  if (!bytes.empty()) {
    ::explicit_bzero(bytes.data(), bytes.size());
  }
}

Secret::Secret(Bytes&& bytes) : bytes_(std::exchange(bytes, {})) {}

Secret::~Secret() { WipeBytes(bytes_); }

Secret::Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    WipeBytes(bytes_);
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

}  // namespace signet
