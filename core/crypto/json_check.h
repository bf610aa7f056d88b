#pragma once

#include <string_view>

#include "core/base/result.h"

namespace signet::crypto {

/// CheckJson finds out whether text is one JSON value without duplicate members, nested at most
/// max_depth deep. Parsers differ on which of two equal members counts, so two readers of one
/// document could see different keys.
Status CheckJson(std::string_view text, std::size_t max_depth);

}  // namespace signet::crypto
