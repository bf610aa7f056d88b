#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace signet::config {

/// IsUtf8: well-formed as RFC 3629 has it (no overlong forms, no surrogates).
bool IsUtf8(std::string_view text);

/// AppendUtf8 encodes a character; false, and nothing is appended, if the number is none.
bool AppendUtf8(std::uint32_t code_point, std::string& out);

}  // namespace signet::config
