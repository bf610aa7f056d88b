#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace signet {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// AsBytes views text as bytes; the text must outlive the view.
inline ByteView AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// AsText views bytes as text; the bytes must outlive the view.
inline std::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes ToBytes(std::string_view text) {
  const ByteView view = AsBytes(text);
  return {view.begin(), view.end()};
}

inline Bytes ToBytes(ByteView view) { return {view.begin(), view.end()}; }
inline std::string ToString(ByteView view) { return std::string(AsText(view)); }

inline bool Equal(ByteView a, ByteView b) { return AsText(a) == AsText(b); }

/// Append adds the bytes of tail to out.
inline void Append(Bytes& out, ByteView tail) { out.insert(out.end(), tail.begin(), tail.end()); }

}  // namespace signet
