#pragma once

#include <string>

#include "core/base/result.h"

namespace signet::ca_cmd {

/// PrepareDataDir makes or checks the directory that holds the keys.
Status PrepareDataDir(const std::string& path);

}  // namespace signet::ca_cmd
