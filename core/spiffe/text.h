#pragma once

#include <string>
#include <string_view>

namespace signet::spiffe {

inline constexpr std::string_view kScheme = "spiffe://";

/// IsTrustDomainChar: a-z 0-9 . - _ (ID-06).
inline bool IsTrustDomainChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

/// IsSegmentChar: a-z A-Z 0-9 . - _ (ID-12).
inline bool IsSegmentChar(char c) { return IsTrustDomainChar(c) || (c >= 'A' && c <= 'Z'); }

/// QuoteByte shows one byte in an error message: 'x' when printable, else 0x7f.
std::string QuoteByte(char c);

}  // namespace signet::spiffe
