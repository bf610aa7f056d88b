#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace spire::api::types {
class Entry;
}  // namespace spire::api::types

namespace signet::ca_cmd {

/// ParseEntryFile reads the JSON that "entry create -data" takes, in SPIRE's shape:
/// {"entries": [{"spiffe_id": …, "parent_id": …, "selectors": [{"type": …, "value": …}], …}]}.
/// INVALID_ARGUMENT names the entry and the member; unknown members are errors.
Result<std::vector<spire::api::types::Entry>> ParseEntryFile(std::string_view json);

/// ParseIdFile reads what "entry delete -file" takes: {"ids": ["…"]}.
Result<std::vector<std::string>> ParseIdFile(std::string_view json);

}  // namespace signet::ca_cmd
