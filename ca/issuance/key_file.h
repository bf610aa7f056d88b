#pragma once

#include <map>
#include <string>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/secret.h"

namespace signet::issuance {

/// StoredKeys maps key ids to unencrypted PKCS#8 DER.
using StoredKeys = std::map<std::string, Secret>;

/// The key file is text: the line "signet-keys 1", then per key one line "<key id> <base64 of
/// PKCS#8>", sorted by id, each line ended by a line feed.
///
/// ParseKeyFile is strict: what it accepts, WriteKeyFile gives back byte for byte.
/// INVALID_ARGUMENT names the line, never its content.
Result<StoredKeys> ParseKeyFile(ByteView text);
Secret WriteKeyFile(const StoredKeys& keys);

/// CheckKeyId: 1 to 64 of [A-Za-z0-9-].
Status CheckKeyId(std::string_view key_id);

}  // namespace signet::issuance
