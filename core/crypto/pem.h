#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace signet::crypto {

struct PemBlock {
  std::string label;  ///< e.g. "CERTIFICATE"
  Bytes content;
};

/// PemEncode gives one block with 64-column lines.
std::string PemEncode(std::string_view label, ByteView content);

/// PemDecode reads blocks in linear time. Text between blocks is allowed only as white space and
/// '#' comment lines; at most 1 MiB and 256 blocks.
Result<std::vector<PemBlock>> PemDecode(std::string_view text);

}  // namespace signet::crypto
