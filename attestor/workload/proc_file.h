#pragma once

#include <cstddef>
#include <string>

#include "core/base/result.h"

namespace signet::attestor {

/// ReadProcFile reads a file of procfs, whose size is not known before. PERMISSION_DENIED: the
/// process is gone or may not be looked at; UNAVAILABLE: more than max_bytes.
Result<std::string> ReadProcFile(const std::string& path, std::size_t max_bytes);

}  // namespace signet::attestor
