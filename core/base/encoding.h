#pragma once

#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace signet {

/// HexEncode gives lower-case hexadecimal, two digits a byte.
std::string HexEncode(ByteView bytes);
/// HexDecode takes either case; an odd length or another character is INVALID_ARGUMENT.
Result<Bytes> HexDecode(std::string_view text);

/// Base64Encode uses the standard alphabet with padding (RFC 4648 §4).
std::string Base64Encode(ByteView bytes);
/// Base64Decode is strict: standard alphabet, padding required, no white space, no stray bits.
Result<Bytes> Base64Decode(std::string_view text);

/// Base64UrlEncode uses the URL alphabet without padding (RFC 4648 §5, as JOSE wants it).
std::string Base64UrlEncode(ByteView bytes);
/// Base64UrlDecode is strict: URL alphabet, no padding, no stray bits.
Result<Bytes> Base64UrlDecode(std::string_view text);

}  // namespace signet
