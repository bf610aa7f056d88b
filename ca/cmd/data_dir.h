#pragma once

#include <memory>
#include <string>

#include "ca/issuance/key_manager.h"
#include "core/base/result.h"

namespace signet::ca_cmd {

/// PrepareDataDir makes or checks the directory that holds the keys.
Status PrepareDataDir(const std::string& path);

/// OpenKeys opens the key manager of a kind, "memory" or "disk".
Result<std::unique_ptr<issuance::KeyManager>> OpenKeys(const std::string& kind,
                                                       const std::string& data_dir);

}  // namespace signet::ca_cmd
