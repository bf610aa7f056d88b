#include "core/config/utf8.h"

#include <algorithm>

namespace signet::config {
namespace {

bool IsCharacter(std::uint32_t c) { return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff); }

/// SequenceLength is the number of bytes that a first byte announces, or 0.
std::size_t SequenceLength(unsigned char first) {
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xc0 && first < 0xe0) {
    return 2;
  }
  if (first >= 0xe0 && first < 0xf0) {
    return 3;
  }
  return first >= 0xf0 && first < 0xf8 ? 4 : 0;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t length = SequenceLength(first);
    if (length == 0 || length > text.size() - i) {
      return false;
    }
    std::uint32_t value = length == 1 ? first : first & (0xffU >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if ((byte & 0xc0U) != 0x80) {
        return false;
      }
      value = value << 6 | (byte & 0x3fU);
    }
    if (value < kSmallest[length] || !IsCharacter(value)) {
      return false;
    }
    i += length;
  }
  return true;
}

bool AppendUtf8(std::uint32_t code_point, std::string& out) {
  if (!IsCharacter(code_point)) {
    return false;
  }
  const auto tail = [&](int shift) {
    out += static_cast<char>(0x80U | ((code_point >> shift) & 0x3fU));
  };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += static_cast<char>(0xc0U | code_point >> 6);
    tail(0);
  } else if (code_point < 0x10000) {
    out += static_cast<char>(0xe0U | code_point >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0U | code_point >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
  return true;
}

}  // namespace signet::config
