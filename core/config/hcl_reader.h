#pragma once

#include <string_view>

#include "core/config/json_reader.h"

namespace signet::config {

/// ReadHcl reads HCL version 1, as SPIRE and spiffe-helper do, into what ReadJson would give for
/// the same settings:
///
///   plugins { KeyManager "disk" { keys_path = "k" } }   →  plugins.KeyManager.disk.keys_path
///
/// Blocks of the same name add up. A list holds strings, or blocks that stand for themselves. At
/// most 16 levels. Names without quotes are ASCII. Control characters are problems, but for line
/// ends and tabs in a heredoc; so is a key without a value at the end of the file. "${…}" is
/// ordinary text. What can be read before a problem is kept; nothing throws.
JsonDocument ReadHcl(std::string_view text);

}  // namespace signet::config
